/** Parts put together: predictions of every row by the fold that held it out. */
import type { Matrix } from "../linalg/matrix.ts";
import { firstTrainedIn } from "./fold_task.ts";
import type { ExperimentData } from "./model.ts";
import type { Part, Report } from "./part.ts";
import type { PartStore } from "./part_store.ts";

export interface Collected {
  /** perturbations x genes; NaN where no fold held a row out, and for genes that its fold did not learn. */
  readonly heldOut: Matrix;
  /** Each row by the first fold that trained on it; null where the model does not predict training rows. */
  readonly training: Matrix | null;
  /** One a fold. */
  readonly reports: readonly Report[];
  /** Time that training took, over all runs that had a part in it. */
  readonly trainingSeconds: number;
}

/** @throws {DataError} when a part is damaged, or two of them share genes */
export async function collectParts(data: ExperimentData, store: PartStore): Promise<Collected> {
  const { perturbations, genes } = data.targets, columns = genes.length;
  const heldOut = empty(perturbations.length, columns);
  let training: Matrix | null = null, trainingSeconds = 0;
  const reports: Report[] = [];
  for (const [fold, { test }] of data.folds.entries()) {
    let report: Report = {};
    for await (const part of store.read(fold)) {
      put(part, part.predictions, test, heldOut);
      if (part.trainingPredictions) {
        training ??= empty(perturbations.length, columns);
        put(part, part.trainingPredictions, firstTrainedIn(data, fold), training);
      }
      report = part.report;
      trainingSeconds += part.seconds;
    }
    reports.push(report);
  }
  return { heldOut, training, reports, trainingSeconds };
}

/** Training rows as `collectParts` puts them together, of the first `folds` folds alone. */
export async function collectTraining(
  data: ExperimentData,
  store: PartStore,
  folds: number,
): Promise<Matrix | null> {
  const { perturbations, genes } = data.targets;
  let training: Matrix | null = null;
  for (let fold = 0; fold < folds; fold++) {
    for await (const part of store.read(fold)) {
      if (!part.trainingPredictions) continue;
      training ??= empty(perturbations.length, genes.length);
      put(part, part.trainingPredictions, firstTrainedIn(data, fold), training);
    }
  }
  return training;
}

function put({ key: { from, to } }: Part, numbers: Float32Array, rows: Int32Array, into: Matrix): void {
  const count = to - from;
  rows.forEach((row, i) => {
    into.data.set(numbers.subarray(i * count, (i + 1) * count), row * into.columns + from);
  });
}

function empty(rows: number, columns: number): Matrix {
  return { data: new Float32Array(rows * columns).fill(NaN), rows, columns };
}
