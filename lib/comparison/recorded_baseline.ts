/** The mean baseline where the targets lack rows that the results learned from: theirs, for it cannot be computed anew. */
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import { matchIds } from "../dataset/matching.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { FoldChoice } from "./folds.ts";
import type { ModelSource } from "./model_source.ts";
import type { LabelledTable } from "./read_table.ts";
import type { Truth } from "./truth.ts";

/**
 * Puts the baseline of the result that learned from most rows in the place of a mean over fewer; leaves `reference` where no
 * row is missing.
 *
 * @param reference folds x genes, the mean of the training rows that the targets have
 * @param note is told how many rows are missing, and whose baseline is taken
 * @throws {DataError} when rows are missing and no result of these folds has its baseline
 */
export async function recordedBaseline(
  truth: Truth,
  sources: readonly ModelSource[],
  { folds, reference }: { folds: FoldChoice; reference: Matrix },
  note: (text: string) => void,
): Promise<Matrix> {
  const results = sources.filter((source) =>
    source.folds !== null && (folds.isPaired || source.path === folds.from)
  );
  const lacking = results.map((source) => ({ source, missing: missingRows(truth, source) }))
    .filter(({ missing }) => missing.length > 0);
  if (lacking.length === 0) {
    await tellOtherMeans(truth, results, { folds, reference }, note);
    return reference;
  }
  const { source, missing } = lacking.reduce((a, b) => b.source.folds!.size > a.source.folds!.size ? b : a);
  const what = `the targets "${truth.targets.path}" lack ${missing.length} of ${
    counted(source.folds!.size, "perturbation")
  } that "${source.path}" learned from (${someIds(missing)})`;
  const baseline = await source.readBaseline();
  if (baseline === null) {
    throw new DataError(
      `Cannot compare: ${what}, and it has no baseline_*.parquet, so the mean baseline is not known (--targets with all rows, or ` +
        `run the script again)`,
    );
  }
  const { targets } = truth, values = { ...reference, data: reference.data.slice() };
  const columns = matchIds({ ids: targets.genes }, { ids: baseline.genes }).rows;
  const absent = targets.genes.filter((_, gene) => columns[gene] < 0);
  for (const { cell, value } of writtenMeans(truth, folds, baseline)) values.data[cell] = value;
  note(
    `${what[0].toUpperCase()}${what.slice(1)}: the mean baseline is the one that was written with it.` +
      (absent.length > 0 ? ` ${counted(absent.length, "gene")} (${someIds(absent)}) are not in it.` : ""),
  );
  return values;
}

/** The means of a result's baseline and the cell of folds x genes that each stands for. */
function* writtenMeans(
  { targets, otherNames }: Truth,
  folds: FoldChoice,
  baseline: LabelledTable,
): Generator<{ cell: number; value: number }> {
  const rows = matchIds({ ids: targets.perturbations, otherNames }, baseline).rows;
  const columns = matchIds({ ids: targets.genes }, { ids: baseline.genes }).rows;
  for (let fold = 0; fold < folds.folds; fold++) {
    const row = rows.find((at, row) => at >= 0 && folds.foldOf[row] === fold);
    if (row === undefined) continue; // none of its perturbations is compared
    for (const [gene, column] of columns.entries()) {
      const value = column < 0 ? NaN : baseline.values.data[row * baseline.values.columns + column];
      // A gene that the fold did not learn has no prediction either: its cells are left out.
      if (Number.isFinite(value)) yield { cell: fold * targets.genes.length + gene, value };
    }
  }
}

/** Says so where targets have all rows, but other values than a result was made from. */
async function tellOtherMeans(
  truth: Truth,
  results: readonly ModelSource[],
  { folds, reference }: { folds: FoldChoice; reference: Matrix },
  note: (text: string) => void,
): Promise<void> {
  const source = results.find(({ manifest }) =>
    manifest !== null && manifest.inputs[0]?.sha256 !== truth.file.sha256
  );
  const baseline = await source?.readBaseline() ?? null;
  if (!source || baseline === null) return;
  let cells = 0, others = 0;
  for (const { cell, value } of writtenMeans(truth, folds, baseline)) {
    cells++;
    // Another order of rows changes the last digits of a mean.
    if (!(Math.abs(value - reference.data[cell]) <= 1e-5 * Math.max(1, Math.abs(value)))) others++;
  }
  if (others === 0) return;
  note(
    `The mean baseline of the targets "${truth.targets.path}" differs from the one that was written with "${source.path}" in ` +
      `${others} of ${counted(cells, "mean")}: the result learned from other values, and is judged by these.`,
  );
}

function missingRows({ targets, otherNames }: Truth, { folds }: ModelSource): string[] {
  const ids = [...folds!.keys()];
  const { rows } = matchIds({ ids: targets.perturbations, otherNames }, { ids });
  const found = new Set(rows);
  return ids.filter((_, row) => !found.has(row));
}
