/**
 * Which of the ids that we look for stands where among those that are there: one rule for perturbations, genes and
 * sequences, so that every script finds the same rows.
 */
import { DataError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { withoutVersion } from "./gene_ids.ts";
import { shortId, someIds } from "./ids.ts";
import { mismatchReason, symbolsReason } from "./mismatch_reason.ts";

/** Ids that we look for, one a row. */
export interface WantedIds {
  /** An id a row. */
  readonly ids: readonly string[];
  /** What else an id may be called, such as the symbol of a gene id. */
  otherNames?(id: string, row: number): readonly string[];
  /** What an id stands for, in the singular: "TF", "read-out gene". */
  readonly what: string;
  /** The file that they were read from. */
  readonly path: string;
}

/** Ids that are there. */
export interface KnownIds {
  /** In the order of what they name. */
  readonly ids: readonly string[];
  /** The file that they were read from. */
  readonly path: string;
}

/** Which known id each wanted one is. */
export interface IdMatches {
  /** For each wanted id its position among the known ones, -1 where it is not there. */
  rows: Int32Array;
  /** Wanted ids that are not there, in order. */
  unmatched: string[];
  /** How many ids were found by which rule. */
  how: { exact: number; case: number; version: number; otherName: number };
  /** Wanted ids for which more than one known id would do: the first was taken. */
  ambiguous: string[];
}

/**
 * Find each wanted id among the known ones: as it is written, else in any case, else without Ensembl versions on either
 * side, else by its other names under the same three rules. Of known ids that only case or version tell apart the first
 * is taken.
 *
 *     const wanted = { ids: targets.perturbations, what: "perturbation", path: targets.path };
 *     const matches = matchIds(wanted, known);
 *     reportMatches(matches, wanted, known, "left out: they have no embedding");
 *
 * @param rules.anyCase false where upper and lower case are two things: the Python's HyenaDNA and pair networks left out
 *   ids that differ in case
 */
export function matchIds(
  wanted: Pick<WantedIds, "ids" | "otherNames">,
  known: Pick<KnownIds, "ids">,
  rules: { anyCase: boolean } = { anyCase: true },
): IdMatches {
  const index = new IdIndex(known.ids, rules.anyCase);
  const rows = new Int32Array(wanted.ids.length).fill(-1);
  const how = { exact: 0, case: 0, version: 0, otherName: 0 };
  const unmatched: string[] = [], ambiguous: string[] = [];
  wanted.ids.forEach((id, row) => {
    let found = index.find(id), isOtherName = false;
    if (!found) {
      const names = wanted.otherNames?.(id, row) ?? [];
      for (let i = 0; i < names.length && !found; i++) found = index.find(names[i]);
      isOtherName = true;
    }
    if (!found) {
      unmatched.push(id);
      return;
    }
    rows[row] = found.row;
    how[isOtherName ? "otherName" : found.rule]++;
    if (found.isAmbiguous) ambiguous.push(id);
  });
  return { rows, unmatched, how, ambiguous };
}

/** The wanted ids that were found, by their positions, and for each its position among the known ones. */
export function matchedRows({ rows }: IdMatches): { wanted: number[]; known: number[] } {
  const wanted = Array.from(rows.keys()).filter((i) => rows[i] >= 0);
  return { wanted, known: wanted.map((i) => rows[i]) };
}

/**
 * Say how the matching went: one line where versions were ignored, a warning where an id could have been two, and one where
 * some were not found, with five of them, and the likely reason where these are more than half.
 *
 * @param consequence what becomes of ids that were not found: "left out: they have no embedding"
 * @throws {DataError} when nothing was found, with an example of each side and the likely reason
 */
export function reportMatches(
  matches: IdMatches,
  wanted: WantedIds,
  known: KnownIds,
  consequence: string,
): void {
  const { unmatched } = matches, all = wanted.ids.length;
  if (unmatched.length === all) throw nothingMatched(matches, wanted, known);
  tellRules(matches, wanted, known);
  if (unmatched.length === 0) return;
  const isMost = 2 * unmatched.length > all;
  warnWithExamples(
    `${counted(unmatched.length, wanted.what)} (${
      isMost ? "more than half, " : ""
    }${unmatched.length} of ${all}) ` +
      `${unmatched.length === 1 ? "is" : "are"} not in "${known.path}": ${consequence}.` +
      (isMost ? asSentence(reasonFor(matches, wanted, known), " ") : ""),
    unmatched.map(shortId),
  );
}

/**
 * As `reportMatches`, where all ids are needed.
 *
 * @param purpose what they are needed for: "use the gene embeddings"
 * @throws {DataError} when some are not there: how many, five of them, and the likely reason
 */
export function requireAll(matches: IdMatches, wanted: WantedIds, known: KnownIds, purpose: string): void {
  const { unmatched } = matches;
  if (unmatched.length > 0) {
    throw new DataError(
      `Cannot ${purpose}: ${unmatched.length} of ${counted(wanted.ids.length, wanted.what)} ` +
        `${unmatched.length === 1 ? "is" : "are"} not in "${known.path}" (${someIds(unmatched)})` +
        asSentence(reasonFor(matches, wanted, known)),
    );
  }
  tellRules(matches, wanted, known);
}

function tellRules({ how, ambiguous }: IdMatches, { what, path }: WantedIds, known: KnownIds): void {
  if (how.version > 0) {
    log.info(
      `Ensembl versions are ignored: ${
        counted(how.version, what)
      } of "${path}" found in "${known.path}" without them.`,
    );
  }
  if (ambiguous.length > 0) {
    log.warn(
      `${
        counted(ambiguous.length, what)
      } of "${path}" could be several ids of "${known.path}", the first of each is ` +
        `taken (${someIds(ambiguous)}).`,
    );
  }
}

function nothingMatched(matches: IdMatches, wanted: WantedIds, known: KnownIds): DataError {
  const example = (ids: readonly string[]) =>
    ids.length === 0 ? "which is empty" : `${shortId(ids[0])}${ids.length > 1 ? ", ..." : ""}`;
  return new DataError(
    `Cannot match ${wanted.what}s: ${
      wanted.ids.length === 1 ? "the one id" : `none of the ${wanted.ids.length} ids`
    } of "${wanted.path}" ` +
      `(${example(wanted.ids)}) is ${wanted.ids.length === 1 ? "not " : ""}in "${known.path}" (${
        example(known.ids)
      })` +
      asSentence(reasonFor(matches, wanted, known)),
  );
}

/** The likely reason; for symbols against gene ids with what would mend it, where other names are looked for. */
function reasonFor({ rows }: IdMatches, wanted: WantedIds, known: KnownIds): string {
  // An id with another name was looked for by that too: its own form explains nothing.
  const missing = wanted.ids.flatMap((id, row) =>
    rows[row] >= 0 ? [] : [wanted.otherNames?.(id, row)[0] ?? id]
  );
  const reason = mismatchReason(missing, known.ids);
  if (reason !== symbolsReason || !wanted.otherNames) return reason;
  return `${reason} A table with gene_name and gene_id translates (--tf-seq-csv)`;
}

function asSentence(reason: string, gap = ". "): string {
  return reason === "" ? "" : gap + reason;
}

interface Found {
  row: number;
  rule: "exact" | "case" | "version";
  isAmbiguous: boolean;
}

/** Known ids under each rule, the first row of each. */
class IdIndex {
  readonly #exact = new Map<string, number>();
  readonly #inAnyCase = new Map<string, number>();
  readonly #versionless = new Map<string, number>();
  /** Keys of the last two that stand for several different ids. */
  readonly #severalByCase = new Set<string>();
  readonly #severalByVersion = new Set<string>();

  readonly #folded: (id: string) => string;

  constructor(ids: readonly string[], anyCase: boolean) {
    this.#folded = anyCase ? (id) => id.toUpperCase() : (id) => id;
    ids.forEach((id, row) => {
      if (this.#exact.has(id)) return;
      this.#exact.set(id, row);
      const folded = this.#folded(id), bare = withoutVersion(folded);
      if (this.#inAnyCase.has(folded)) this.#severalByCase.add(folded);
      else this.#inAnyCase.set(folded, row);
      if (this.#versionless.has(bare)) this.#severalByVersion.add(bare);
      else this.#versionless.set(bare, row);
    });
  }

  find(id: string): Found | null {
    const exact = this.#exact.get(id);
    if (exact !== undefined) return { row: exact, rule: "exact", isAmbiguous: false };
    const folded = this.#folded(id), cased = this.#inAnyCase.get(folded);
    if (cased !== undefined) {
      return { row: cased, rule: "case", isAmbiguous: this.#severalByCase.has(folded) };
    }
    // A gene's copy on the Y chromosome is the gene on X, letter by letter; never the other way round.
    const bare = withoutVersion(folded);
    for (const key of [bare, bare.replace(/_PAR_Y$/i, "")]) {
      const row = this.#versionless.get(key);
      if (row !== undefined) return { row, rule: "version", isAmbiguous: this.#severalByVersion.has(key) };
    }
    return null;
  }
}
