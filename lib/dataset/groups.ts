/** Groups of perturbations that folds keep together (--group-by), such as families of transcription factors. */
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { readCsvTable, someColumns } from "../io/csv.ts";
import { shortId, sortedOrder } from "./ids.ts";
import { matchIds, reportMatches, type WantedIds } from "./matching.ts";

/** The table of --group-by. */
export interface GroupTable {
  readonly path: string;
  /** What the first column is called. */
  readonly head: string;
  readonly ids: readonly string[];
  /** Of each id; empty where it has none. */
  readonly groups: readonly string[];
  /** Of each id, by the column `stratum`; null where there is no such column. */
  readonly strata: readonly string[] | null;
}

/** Groups of the rows of a run. */
export interface RowGroups {
  /** The table that they were read from. */
  readonly path: string;
  /** Number of each row's group, by the order of names; perturbations without a group come last, each by itself. */
  readonly of: Int32Array;
  /** What a group is called: its name, or the id of the one perturbation in it. */
  readonly names: readonly string[];
  /** Number of each row's stratum, by the order of names; null where the table has no column `stratum`. */
  readonly strata: Int32Array | null;
  /** Perturbations that the table gives no group. */
  readonly alone: number;
}

/**
 * Read a CSV or TSV whose first column holds perturbation ids or names, and whose column `group` (else the second one) their
 * groups. A column `stratum` may give classes for stratified folds.
 *
 * @throws {DataError} when there is no second column, or an id comes in two groups
 */
export async function readGroupTable(path: string): Promise<GroupTable> {
  const { header, rows, rowNumbers } = await readCsvTable(path);
  if (header.length < 2) {
    throw new DataError(
      `Cannot read groups from "${path}": it has one column, ${
        someColumns(header)
      } (ids in the first and groups in ` +
        `a column "group" are needed)`,
    );
  }
  const named = header.indexOf("group", 1), column = named < 0 ? 1 : named;
  const stratum = header.indexOf("stratum", 1);
  const lines = new Map<string, { group: string; stratum: string; row: number }>();
  rows.forEach((cells, i) => {
    const id = cells[0].trim();
    if (id === "") return;
    const line = {
      group: cells[column].trim(),
      stratum: stratum < 0 ? "" : cells[stratum].trim(),
      row: rowNumbers[i],
    };
    const earlier = lines.get(id);
    if (earlier && (earlier.group !== line.group || earlier.stratum !== line.stratum)) {
      throw new DataError(
        `Cannot use the groups of "${path}": ${shortId(id)} is "${
          shortId(earlier.group)
        }" in row ${earlier.row} ` +
          `and "${shortId(line.group)}" in row ${line.row} (one group an id is needed)`,
      );
    }
    lines.set(id, line);
  });
  const all = [...lines.values()];
  return {
    path,
    head: header[0].trim(),
    ids: [...lines.keys()],
    groups: all.map(({ group }) => group),
    strata: stratum < 0 ? null : all.map((line) => line.stratum),
  };
}

/**
 * The group of every perturbation of a run. One that the table does not know, or gives no group, is a group by itself.
 *
 * @throws {DataError} when the table knows none of them, or has no header
 */
export function groupsOfRows(
  table: GroupTable,
  perturbations: Pick<WantedIds, "ids" | "otherNames" | "path">,
): RowGroups {
  const wanted = { ...perturbations, what: "perturbation" }, known = { ids: table.ids, path: table.path };
  const match = matchIds(wanted, known);
  if (matchIds({ ...wanted, ids: match.unmatched }, { ids: [table.head] }).rows.includes(0)) {
    throw new DataError(
      `Cannot use the groups of "${table.path}": its first row names a perturbation, ${
        shortId(table.head)
      } ` +
        `(a header such as "tf,group" is needed above it)`,
    );
  }
  reportMatches(match, wanted, known, "each is a group by itself");
  const labels = Array.from(match.rows, (at, row) => {
    const group = at < 0 ? "" : table.groups[at];
    return group === "" ? `1${at < 0 ? perturbations.ids[row] : table.ids[at]}` : `0${group}`;
  });
  const { numbers, names } = numbered(labels);
  const withoutCell = match.rows.filter((at) => at >= 0 && table.groups[at] === "").length;
  if (withoutCell > 0) {
    log.warn(
      `${counted(withoutCell, "perturbation")} of "${table.path}" ${
        withoutCell === 1 ? "has" : "have"
      } an empty cell for a group: each is a group by itself.`,
    );
  }
  const { strata } = table;
  return {
    path: table.path,
    of: numbers,
    names: names.map((label) => label.slice(1)),
    strata: strata && numbered(Array.from(match.rows, (at) => at < 0 ? "" : strata[at])).numbers,
    alone: withoutCell + match.unmatched.length,
  };
}

/** What summary.json says of groups. @param kind how they were dealt to folds */
export function groupFacts({ path, names, alone }: RowGroups, kind: string): Record<string, unknown> {
  return { file: path, n_groups: names.length, n_without_group: alone, folds: kind };
}

/** The number of each label by the order of labels, as `numpy.unique(labels, return_inverse=True)`. */
function numbered(labels: readonly string[]): { numbers: Int32Array; names: string[] } {
  const distinct = [...new Set(labels)], names = sortedOrder(distinct).map((i) => distinct[i]);
  const number = new Map(names.map((name, i) => [name, i]));
  return { numbers: Int32Array.from(labels, (label) => number.get(label)!), names };
}
