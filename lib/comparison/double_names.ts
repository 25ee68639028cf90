/** Rows or columns of predictions that are one perturbation or gene under two names: a gene id and its symbol, X and X.3. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import { matchIds, type WantedIds } from "../dataset/matching.ts";
import type { Matrix } from "../linalg/matrix.ts";

interface NamedLines {
  /** The file, or the result folder. */
  readonly path: string;
  readonly values: Matrix;
  /** What its rows or columns are called. */
  readonly ids: readonly string[];
  /** For each wanted id where it was found. */
  readonly found: Int32Array;
  readonly of: "row" | "column";
}

/**
 * @param note is told of lines that hold the same numbers: the first is taken
 * @throws {DataError} when they hold other numbers, for then none is known to be right
 */
export function refuseDoubles(
  wanted: Pick<WantedIds, "ids" | "otherNames">,
  { path, values, ids, found, of }: NamedLines,
  note: (text: string) => void,
): void {
  const taken = new Set(found);
  // The copy of a gene on Y is another gene.
  const left = ids.map((_, at) => at).filter((at) => !taken.has(at) && !/_PAR_Y$/i.test(ids[at]));
  if (left.length === 0) return;
  const names: string[] = [], owners: number[] = [];
  wanted.ids.forEach((id, row) => {
    if (found[row] < 0) return;
    for (const name of [id, ...wanted.otherNames?.(id, row) ?? [], ids[found[row]]]) {
      names.push(name);
      owners.push(row);
    }
  });
  const { rows } = matchIds({ ids: left.map((at) => ids[at]) }, { ids: names });
  const pairs = left.flatMap((at, i) => rows[i] < 0 ? [] : [{ at, first: found[owners[rows[i]]] }]);
  const pairNames = ({ at, first }: { at: number; first: number }) =>
    `${shortId(ids[first])} and ${shortId(ids[at])}`;
  const differing = pairs.filter(({ at, first }) => !isSameLine(values, of, at, first));
  if (differing.length > 0) {
    throw new DataError(
      `Cannot compare "${path}": ${counted(differing.length, of)} ${
        differing.length === 1 ? "stands" : "stand"
      } for what another ${of} stands for, with other numbers (${
        someIds(differing.map(pairNames), 3)
      }; leave one of each two out)`,
    );
  }
  if (pairs.length > 0) {
    note(
      `"${path}" has ${counted(pairs.length, of)} twice under two names, with the same numbers (${
        someIds(pairs.map(pairNames), 3)
      }).`,
    );
  }
}

function isSameLine({ data, rows, columns }: Matrix, of: "row" | "column", a: number, b: number): boolean {
  const [count, line, step] = of === "row" ? [columns, columns, 1] : [rows, 1, columns];
  for (let i = 0; i < count; i++) {
    if (!Object.is(data[a * line + i * step], data[b * line + i * step])) return false;
  }
  return true;
}
