import { counted, log } from "../cli/log.ts";

/**
 * Positions of the first occurrence of every id, in order. Later ones are left out, with a warning that counts them.
 *
 * @param what what the ids stand for, in the plural, and `where` they were read
 */
export function firstOccurrences(ids: readonly string[], what: string, where: string): number[] {
  const seen = new Set<string>(), kept: number[] = [];
  const repeated = new Set<string>();
  ids.forEach((id, i) => {
    if (seen.has(id)) repeated.add(id);
    else kept.push(i);
    seen.add(id);
  });
  const dropped = ids.length - kept.length;
  if (dropped > 0) {
    log.warn(
      `Left out ${counted(dropped, "row")} of repeated ${what} in "${where}", the first of each is kept ` +
        `(${someIds([...repeated], 3)}).`,
    );
  }
  return kept;
}

/** Order of `ids` by their characters' codes, as Python sorts them. */
export function sortedOrder(ids: readonly string[]): number[] {
  return ids.map((_, i) => i).sort((a, b) => compareCodePoints(ids[a], ids[b]) || a - b);
}

/** JavaScript compares UTF-16 units; that is the same order for every character of the basic plane. */
function compareCodePoints(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first ids of a list for a message: at most five, each of at most 40 characters. */
export function someIds(ids: readonly string[], most = 5): string {
  return ids.slice(0, most).map(shortId).join(", ") + (ids.length > most ? ", ..." : "");
}

/** An id as a message shows it: in one line and short. */
export function shortId(id: string): string {
  const letters = [...id.replace(/\p{Cc}/gu, "\u{fffd}").toWellFormed()];
  return letters.length <= 40 ? letters.join("") : letters.slice(0, 37).join("") + "...";
}
