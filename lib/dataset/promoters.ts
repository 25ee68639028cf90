/** DNA to predict from: one sequence an id, from CSV or FASTA, and the matching of ids to those of the targets. */
import { extname } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { parseCsvTable } from "../io/csv.ts";
import { parseFasta } from "../io/fasta.ts";
import { readFileBytes } from "../io/read_file.ts";
import { firstOccurrences } from "./ids.ts";
import type { Targets } from "./targets.ts";

export interface Promoters {
  /** The file they were read from. */
  path: string;
  ids: string[];
  /** `gene_name` of each row, where the file has that column. */
  symbols: string[] | null;
  /** Letters as they stand in the file. */
  sequences: string[];
}

const fastaEndings = [".fa", ".fasta", ".fna"];

/**
 * Read sequences: CSV with a header (`gene_id,sequence`, other columns are left aside), or FASTA. A repeated id keeps
 * its first sequence.
 *
 * @throws {DataError} when a column is missing or a row has no sequence
 */
export async function readPromoters(
  path: string,
  { idColumn = "gene_id", sequenceColumn = "sequence" } = {},
): Promise<Promoters> {
  const bytes = await readFileBytes(path);
  const isFasta = fastaEndings.includes(extname(path).toLowerCase());
  const all = isFasta ? fromFasta(bytes, path) : fromCsv(bytes, path, idColumn, sequenceColumn);
  const kept = firstOccurrences(all.ids, "ids", path);
  if (kept.length === 0) {
    throw new DataError(`Cannot use sequences "${path}": there is no row below the header`);
  }
  const take = (texts: string[]) => kept.map((row) => texts[row]);
  return {
    path,
    ids: take(all.ids),
    symbols: all.symbols && take(all.symbols),
    sequences: take(all.sequences),
  };
}

function fromFasta(bytes: Uint8Array, path: string): Omit<Promoters, "path"> {
  const records = parseFasta(bytes, path);
  return {
    ids: records.map(({ id }) => id),
    symbols: null,
    sequences: records.map(({ sequence }) => sequence),
  };
}

function fromCsv(
  bytes: Uint8Array,
  path: string,
  idColumn: string,
  sequenceColumn: string,
): Omit<Promoters, "path"> {
  const { header, rows } = parseCsvTable(bytes, path);
  const column = (name: string) => {
    const at = header.indexOf(name);
    if (at < 0) {
      throw new DataError(
        `Cannot use sequences "${path}": it has no column "${name}" (its columns are ${header.join(", ")})`,
      );
    }
    return rows.map((cells) => cells[at]);
  };
  const ids = column(idColumn), sequences = column(sequenceColumn);
  for (const [texts, what] of [[ids, "id"], [sequences, "sequence"]] as const) {
    const empty = texts.indexOf("");
    if (empty >= 0) throw new DataError(`Cannot use sequences "${path}": row ${empty + 2} has no ${what}`);
  }
  return { ids, symbols: header.includes("gene_name") ? column("gene_name") : null, sequences };
}

export interface AlignedPromoters {
  /** Rows of the targets that have a sequence, in the targets' order. */
  targetRows: number[];
  /** Their sequences. */
  sequences: string[];
  /** Ids of the targets without one. */
  dropped: string[];
}

/**
 * Find each perturbation's sequence: by its id, else by its gene symbol in any case.
 *
 * @throws {DataError} when no perturbation has one
 */
export function alignPromoters(targets: Targets, promoters: Promoters): AlignedPromoters {
  const byId = new Map(promoters.ids.map((id, row) => [id, row]));
  const bySymbol = new Map<string, number>();
  for (const names of [promoters.ids, promoters.symbols ?? []]) {
    names.forEach((name, row) => bySymbol.getOrInsert(name.toUpperCase(), row));
  }
  const rowOf = (target: number) =>
    byId.get(targets.perturbations[target]) ??
      bySymbol.get((targets.symbols?.[target] || targets.perturbations[target]).toUpperCase());

  const aligned: AlignedPromoters = { targetRows: [], sequences: [], dropped: [] };
  targets.perturbations.forEach((id, target) => {
    const row = rowOf(target);
    if (row === undefined) aligned.dropped.push(id);
    else {
      aligned.targetRows.push(target);
      aligned.sequences.push(promoters.sequences[row]);
    }
  });
  if (aligned.targetRows.length === 0) {
    throw new DataError(
      `Cannot match TFs: none of the ${targets.perturbations.length} ids of "${targets.path}" ` +
        `(${targets.perturbations[0]}, ...) is in "${promoters.path}" (${promoters.ids[0]}, ...)`,
    );
  }
  return aligned;
}
