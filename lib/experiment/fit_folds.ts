/** The work of a run: every fold that is asked for and not done yet, saved as it is learned. */
import { hearSignals } from "../cli/interrupt.ts";
import { counted } from "../cli/log.ts";
import type { FoldProgress } from "../cli/progress.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { foldTask } from "./fold_task.ts";
import type { ExperimentData, FoldTask, GeneModel, Model, WholeFoldModel } from "./model.ts";
import type { PartStore } from "./part_store.ts";

export interface FittingOptions {
  readonly progress: FoldProgress;
  /** Whether the models' numbers are wanted. */
  readonly keepsModels: boolean;
  /** Is called when a fold is saved. */
  afterFold(fold: number): Promise<void>;
}

export async function fitFolds(
  model: Model,
  data: ExperimentData,
  store: PartStore,
  { progress, keepsModels, afterFold }: FittingOptions,
): Promise<void> {
  for (const fold of store.toRun) {
    await hearSignals();
    const task = foldTask(data, fold, {
      checkpoint: store.checkpoint(fold),
      progress: (share, text) => progress.within(share, text),
    });
    const note = "fit" in model
      ? await fitWhole(model, data, store, task, keepsModels)
      : await fitBlocks(model, store, task);
    progress.finished(`${store.label(fold)}${counted(task.test.length, "test perturbation")}, ${note}`, fold);
    await afterFold(fold);
  }
  progress.end();
}

async function fitWhole(
  model: WholeFoldModel,
  { targets }: ExperimentData,
  store: PartStore,
  task: FoldTask,
  keepsModels: boolean,
): Promise<string> {
  const startMs = performance.now(), genes = targets.genes.length;
  const fitted = await model.fit(task);
  try {
    const predictions = overAllGenes(await fitted.predict(task.test), task, genes);
    const trainingPredictions = model.predictsTraining
      ? overAllGenes(await fitted.predict(task.shown), task, genes)
      : null;
    await store.save({
      key: { fold: task.index, from: 0, to: genes },
      predictions,
      trainingPredictions,
      tensors: keepsModels || !model.isQuick ? await fitted.tensors() : new Map(),
      report: fitted.report ?? {},
      seconds: (performance.now() - startMs) / 1000,
    });
  } finally {
    fitted.close?.();
  }
  return fitted.note ?? `${counted(task.train.length, "training perturbation")}`;
}

async function fitBlocks(model: GeneModel, store: PartStore, task: FoldTask): Promise<string> {
  const blocks = store.missing(task.index);
  let lastMs = performance.now();
  await model.fitBlocks(task, blocks, async (block, content) => {
    const nowMs = performance.now(), seconds = (nowMs - lastMs) / 1000;
    lastMs = nowMs;
    await store.save({ key: { fold: task.index, ...block }, trainingPredictions: null, ...content, seconds });
  });
  return `${counted(blocks.reduce((sum, { from, to }) => sum + to - from, 0), "gene")} fitted`;
}

/** Predictions of a fold's genes among all genes of the run, NaN for the others. */
function overAllGenes({ data, rows, columns }: Matrix, task: FoldTask, genes: number): Float32Array {
  const own = task.genes;
  if (own === null) return data;
  const all = new Float32Array(rows * genes).fill(NaN);
  for (let row = 0; row < rows; row++) {
    own.forEach((gene, i) => all[row * genes + gene] = data[row * columns + i]);
  }
  return all;
}
