/** DNA sequences with ids from a CSV or FASTA file, and what is odd about them, told before any work is done. */
import { counted, log } from "../cli/log.ts";
import { DataError } from "../cli/errors.ts";
import { firstOccurrences } from "../dataset/ids.ts";
import { isMissing, readCsvTable, someColumns } from "../io/csv.ts";
import { isFasta, isNoSequence, readFasta } from "../io/fasta.ts";

export interface Sequences {
  /** The file they come from. */
  readonly path: string;
  readonly ids: readonly string[];
  readonly sequences: readonly string[];
  /** Whether lower case was made upper case. */
  readonly upperCased?: boolean;
  /** What else the JSON beside the vectors says of where they come from. */
  readonly origin?: Readonly<Record<string, string | number>>;
}

export interface SequenceOptions {
  /** Columns of a CSV file. */
  readonly idColumn: string;
  readonly sequenceColumn: string;
  /** Make lower case upper case, rather than leaving it to become unknown. */
  readonly upper: boolean;
}

/**
 * Read sequences: FASTA by its content (a pipe: by its extension), else CSV. A repeated id keeps its first sequence.
 *
 * @throws {DataError} for a CSV file without the columns, an empty id or sequence, a file without any
 */
export async function readSequences(path: string, options: SequenceOptions): Promise<Sequences> {
  const all = await isFasta(path) ?? /\.(fa|fasta|fna|ffn|fas)(\.gz)?$/i.test(path)
    ? await fromFasta(path)
    : await fromCsv(path, options);
  return checkedSequences(all, options);
}

/** Each id once, in upper case where that is asked for; what is odd about the letters is told. @throws {DataError} for none */
export function checkedSequences(all: Sequences, { upper }: { upper: boolean }): Sequences {
  const { path } = all;
  if (all.ids.length === 0) throw new DataError(`Cannot use "${path}": it holds no sequences`);
  const kept = firstOccurrences(all.ids, "ids", path);
  const ids = kept.map((i) => all.ids[i]);
  const sequences = kept.map((i) => upper ? all.sequences[i].toUpperCase() : all.sequences[i]);
  warnAboutLetters(path, sequences);
  return { ...all, ids, sequences, upperCased: upper };
}

async function fromFasta(path: string): Promise<Sequences> {
  const records = await readFasta(path);
  const cut = records.filter(({ description }) => description !== "").length;
  if (cut > 0) {
    log.info(
      `${counted(cut, "header")} of "${path}" ${
        cut === 1 ? "is" : "are"
      } cut to the id before the first space or bar`,
    );
  }
  return { path, ids: records.map(({ id }) => id), sequences: records.map(({ sequence }) => sequence) };
}

async function fromCsv(path: string, { idColumn, sequenceColumn }: SequenceOptions): Promise<Sequences> {
  const { header, rows, rowNumbers } = await readCsvTable(path);
  const place = (column: string, flag: string) => {
    const at = header.indexOf(column);
    if (at < 0) {
      throw new DataError(
        `Cannot read "${path}": it has no column "${column}" (its columns are ${
          someColumns(header)
        }; name another with ${flag})`,
      );
    }
    return at;
  };
  const id = place(idColumn, "--id-col"), sequence = place(sequenceColumn, "--sequence-col");
  const without: string[] = [];
  rows.forEach((row, i) => {
    if (row[id].trim() === "") {
      throw new DataError(`Cannot read "${path}": row ${rowNumbers[i]} has no ${idColumn}`);
    }
    if (isMissing(row[sequence].trim()) || isNoSequence(row[sequence])) {
      without.push(`row ${rowNumbers[i]} ("${row[id].slice(0, 40)}")`);
    }
  });
  if (without.length > 0) {
    throw new DataError(
      `Cannot read "${path}": ${without.length} of ${counted(rows.length, "row")} ${
        without.length === 1 ? "has" : "have"
      } no sequence in column "${sequenceColumn}": ${without.slice(0, 5).join(", ")}${
        without.length > 5 ? ", ..." : ""
      } (leave these rows out)`,
    );
  }
  return { path, ids: rows.map((row) => row[id].trim()), sequences: rows.map((row) => row[sequence].trim()) };
}

/** Both models know A, C, G, T and N in upper case; whatever else there is becomes an unknown token. */
function warnAboutLetters(path: string, sequences: readonly string[]): void {
  let lower = 0, other = 0;
  const others = new Set<string>();
  for (const sequence of sequences) {
    if (!/[^ACGTN]/.test(sequence)) continue;
    if (/[acgtn]/.test(sequence)) lower++;
    const found = sequence.match(/[^ACGTNacgtn]/gu);
    if (found === null) continue;
    other++;
    for (const letter of found) others.add(letter);
  }
  if (lower > 0) {
    log.warn(
      `${counted(lower, "sequence")} of "${path}" ${
        lower === 1 ? "has" : "have"
      } lower-case letters, which become unknown tokens (--upper makes them upper case)`,
    );
  }
  if (other > 0) {
    const shown = [...others].sort().slice(0, 8).map((letter) => JSON.stringify(letter)).join(", ");
    log.warn(
      `${counted(other, "sequence")} of "${path}" ${
        other === 1 ? "has" : "have"
      } letters other than A, C, G, T, N (${shown}), which become unknown tokens`,
    );
  }
}
