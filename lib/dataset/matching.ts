/**
 * Matching ids of one file to those of another: perturbations to embeddings, to sequences, to their own read-out genes.
 * An id is found as it stands, else in any case and without its Ensembl version (ENSG00000141510.17), else by another name
 * (the gene id of a symbol, the symbol of a gene id).
 */
import { DataError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";

/** Ids and where they were read. */
export interface IdList {
  readonly ids: readonly string[];
  readonly path: string;
}

export interface Match {
  /** For each wanted id its place among the known ones; -1 where it is none of them. */
  readonly rows: Int32Array;
  readonly unmatched: string[];
  /** Ids that were found once an Ensembl version was left out. */
  readonly withoutVersion: number;
}

export interface MatchOptions {
  /** What else a wanted id is called. */
  readonly otherNames?: (id: string) => readonly string[];
  /** Upper and lower case count, as HyenaDNA's ids always did. */
  readonly exactCase?: boolean;
}

/** Match without a word. */
export function matchIds(
  wanted: readonly string[],
  known: readonly string[],
  { otherNames = () => [], exactCase = false }: MatchOptions = {},
): Match {
  const foldedId = (id: string) => exactCase ? withoutVersion(id) : withoutVersion(id).toUpperCase();
  const exact = new Map<string, number>(), folded = new Map<string, number>();
  known.forEach((id, row) => {
    if (!exact.has(id)) exact.set(id, row);
    if (!folded.has(foldedId(id))) folded.set(foldedId(id), row);
  });
  let versions = 0;
  const rowOf = (id: string): number => {
    const found = exact.get(id) ?? folded.get(foldedId(id));
    if (found === undefined) return -1;
    if (hasVersion(id) !== hasVersion(known[found])) versions++;
    return found;
  };
  const rows = Int32Array.from(wanted, (id) => {
    const own = rowOf(id);
    if (own >= 0) return own;
    for (const name of otherNames(id)) {
      const row = rowOf(name);
      if (row >= 0) return row;
    }
    return -1;
  });
  return { rows, unmatched: wanted.filter((_, i) => rows[i] < 0), withoutVersion: versions };
}

/**
 * Match and tell: an error where nothing matches, a warning that names examples where some do not.
 *
 * @param what the wanted ids, such as "perturbation"; `consequence` is what happens to those that are not found, such as
 *   "left out: without an embedding"
 * @throws {DataError} with examples of both sides and the likely reason, when nothing matches
 */
export function matchAndTell(
  what: string,
  wanted: IdList,
  known: IdList,
  consequence: string,
  options?: MatchOptions,
): Match {
  const match = matchIds(wanted.ids, known.ids, options);
  const { unmatched } = match, reason = likelyReason(wanted.ids, known.ids);
  if (unmatched.length === wanted.ids.length) {
    throw new DataError(
      `Cannot match ${what}s: none of the ${wanted.ids.length} ids of "${wanted.path}" (${
        shown(wanted.ids)
      }) is in ` +
        `"${known.path}" (${shown(known.ids)})${reason ? `: ${reason}` : ""}`,
    );
  }
  tellVersions(match);
  if (unmatched.length > 0) {
    const share = unmatched.length > wanted.ids.length / 2
      ? `more than half, ${unmatched.length} of ${wanted.ids.length}`
      : `${unmatched.length} of ${wanted.ids.length}`;
    const guess = unmatched.length > wanted.ids.length / 2 ? likelyReason(unmatched, known.ids) : null;
    warnWithExamples(
      `${counted(unmatched.length, what)} (${share}) ${
        unmatched.length === 1 ? "is" : "are"
      } not in "${known.path}": ` +
        `${consequence}${guess ? ` (${guess})` : ""}.`,
      unmatched.map(short),
    );
  }
  return match;
}

export function tellVersions({ withoutVersion }: Match): void {
  if (withoutVersion > 0) {
    log.info(`Matched ${counted(withoutVersion, "id")} without the Ensembl version behind the dot.`);
  }
}

/** The rows of a match that were found: places of the wanted ids, and for each its place among the known ones. */
export function matchedRows({ rows }: Match): { wanted: number[]; known: number[] } {
  const wanted = Array.from(rows.keys()).filter((i) => rows[i] >= 0);
  return { wanted, known: wanted.map((i) => rows[i]) };
}

/** An Ensembl id without its version; other ids as they are. */
export function withoutVersion(id: string): string {
  return hasVersion(id) ? id.replace(/\.\d+(_PAR_Y)?$/i, "") : id;
}

function hasVersion(id: string): boolean {
  return /^ENS[A-Z]*[GTP]\d{6,}\.\d+(_PAR_Y)?$/i.test(id);
}

/** Why two kinds of ids may not match, in words. */
export function likelyReason(wanted: readonly string[], known: readonly string[]): string | null {
  const [a, b] = [kindOf(wanted), kindOf(known)];
  if (a === "numbers" || b === "numbers") return "are these row numbers instead of ids?";
  if (a === b) {
    return a === "Ensembl ids" && speciesOf(wanted[0]) !== speciesOf(known[0]) ? "another species?" : null;
  }
  return `the first are ${a}, the second ${b}; a table with gene_name and gene_id translates (--tf-seq-csv)`;
}

function kindOf(ids: readonly string[]): "numbers" | "Ensembl ids" | "symbols" {
  const some = ids.slice(0, 50);
  if (some.every((id) => /^\d+$/.test(id))) return "numbers";
  return some.filter((id) => /^ENS[A-Z]*[GTP]\d{6,}/i.test(id)).length > some.length / 2
    ? "Ensembl ids"
    : "symbols";
}

function speciesOf(id: string): string {
  return /^(ENS[A-Z]*?)[GTP]\d/i.exec(id)?.[1].toUpperCase() ?? "";
}

/** Up to five ids for a message, each cut to 40 characters. */
export function shown(ids: readonly string[]): string {
  return ids.slice(0, 5).map(short).join(", ") + (ids.length > 5 ? ", ..." : "");
}

function short(id: string): string {
  return id.length <= 40 ? id : `${id.slice(0, 39)}…`;
}
