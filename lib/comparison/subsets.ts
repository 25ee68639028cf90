/** Parts of the perturbations whose means are given too: thirds by effect size, folds, groups. */
import { log } from "../cli/log.ts";
import { readGroupTable } from "../dataset/groups.ts";
import { matchIds, reportMatches } from "../dataset/matching.ts";
import { row } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import type { Truth } from "./truth.ts";

export interface Subset {
  /** What the parts are of. */
  readonly kind: "effect size" | "fold" | "group";
  readonly name: string;
  readonly rows: readonly number[];
}

/** Length of Y - mu of each perturbation: how much it does, beyond what all do. NaN where nothing is measured. */
export function effectSizes({ truth, reference, foldOf }: Aligned): Float64Array {
  return Float64Array.from({ length: truth.rows }, (_, p) => {
    const y = row(truth, p), mu = row(reference, foldOf[p]);
    let squares = 0, cells = 0;
    for (let i = 0; i < y.length; i++) {
      if (Number.isNaN(y[i])) continue;
      squares += (y[i] - mu[i]) ** 2;
      cells++;
    }
    return cells > 0 ? Math.sqrt(squares * y.length / cells) : NaN;
  });
}

/** Thirds of equal size by effect, the weakest first. */
export function effectStrata(sizes: Float64Array): Subset[] {
  const known = Array.from(sizes.keys()).filter((p) => !Number.isNaN(sizes[p])).sort((a, b) =>
    sizes[a] - sizes[b]
  );
  const names = ["weak third", "middle third", "strong third"];
  return names.map((name, i) => ({
    kind: "effect size",
    name,
    rows: known.slice(Math.round(i * known.length / 3), Math.round((i + 1) * known.length / 3)),
  }));
}

export function foldSubsets(foldOf: Int32Array, names: readonly string[]): Subset[] {
  return names.map((name, fold) => ({
    kind: "fold",
    name,
    rows: Array.from(foldOf.keys()).filter((p) => foldOf[p] === fold),
  }));
}

/** Groups of --group-by, by name; perturbations without one are in none. */
export async function groupSubsets(path: string, data: Aligned, truth: Truth): Promise<Subset[]> {
  const table = await readGroupTable(path);
  const wanted = {
    ids: data.perturbations,
    what: "perturbation",
    path: truth.targets.path,
    otherNames: truth.otherNames,
  };
  const matches = matchIds(wanted, table);
  reportMatches(matches, wanted, table, "in no group");
  const groups = Map.groupBy(
    Array.from(matches.rows.keys()).filter((p) => matches.rows[p] >= 0),
    (p) => table.groups[matches.rows[p]],
  );
  groups.delete("");
  log.info(`${groups.size} groups from "${path}".`);
  return [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([name, rows]) => ({
    kind: "group",
    name,
    rows,
  }));
}
