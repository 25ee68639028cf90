/** Boosted trees from TF embeddings, one model a gene and fold: fits what is missing, then puts all parts together. */
import { join } from "@std/path";
import { describe, type FittedOutput, type TreeEngine, type Wanted } from "../boosting/engine.ts";

import { type Forest, joinForests } from "../boosting/forest.ts";
import type { BoostingParameters } from "../boosting/parameters.ts";
import { prepareData } from "../boosting/prepared_data.ts";
import { constantModel } from "../boosting/tree.ts";
import { counted, log } from "../cli/log.ts";
import type { FoldProgress } from "../cli/progress.ts";
import type { Fold } from "../dataset/kfold.ts";
import { columnMeans, fillMissing } from "../dataset/missing_values.ts";
import { StandardScaler } from "../dataset/standard_scaler.ts";
import type { GeneChoice } from "../dataset/top_genes.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import type { TrainedFold } from "./saved_model.ts";
import type { GeneRange, TreePart, TreeParts } from "./tree_parts.ts";

/** What the folds are cut from. */
export interface TreeData {
  /** perturbations x embedding width, not yet standardised; NaN where missing. */
  readonly x: Matrix;
  /** perturbations x genes, NaN where missing. */
  readonly y: Matrix;
  readonly ids: readonly string[];
  readonly genes: readonly string[];
  readonly folds: readonly Fold[];
  readonly choice: GeneChoice;
  readonly strict: boolean;
}

export interface TreeRun {
  readonly folds: readonly number[];
  readonly genes: GeneRange;
  readonly parameters: BoostingParameters;
  readonly wanted: Wanted;
  /** Folder for XGBoost's JSON files, where models are wanted. */
  readonly modelFolder: string;
}

/** Fit what `run` asks for and no earlier run has done, and save it in parts. */
export async function runTreeFolds(
  engine: TreeEngine,
  data: TreeData,
  run: TreeRun,
  parts: TreeParts,
  progress: FoldProgress,
): Promise<void> {
  for (const fold of run.folds) {
    const blocks = parts.missing(fold, run.genes);
    const todo = blocks.reduce((sum, { from, to }) => sum + to - from, 0);
    if (todo > 0) await runFold(engine, data, run, parts, fold, blocks, progress);
    progress.finished(
      `${counted(data.folds[fold].test.length, "test perturbation")}, ${counted(todo, "gene")} fitted`,
    );
  }
  progress.end();
}

async function runFold(
  engine: TreeEngine,
  data: TreeData,
  run: TreeRun,
  parts: TreeParts,
  fold: number,
  blocks: readonly TreePart[],
  progress: FoldProgress,
): Promise<void> {
  const { train, test } = data.folds[fold];
  const learnFrom = data.strict ? train : undefined;
  const x = new StandardScaler(data.x, learnFrom).transform(data.x);
  const y = takeRows(fillMissing(data.y, learnFrom).filled, train);
  const own = data.choice.byFold === null ? null : new Set(data.choice.byFold[fold]);
  const genes = blocks.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
    .filter((gene) => own === null || own.has(gene));
  const weights = rowWeights(data.y, train);
  const hasWeight = weights.some((weight) => weight > 0);
  if (!hasWeight) log.warn(`Fold ${fold} has no measured target to learn from: it predicts the gene means.`);

  const writer = new BlockWriter(parts, run, data, fold, blocks, own);
  let done = 0;
  const onFitted = (fitted: FittedOutput) => {
    writer.add(genes[fitted.output], fitted);
    progress.within(++done / genes.length, `gene ${done}/${genes.length}`);
  };
  if (hasWeight) {
    const prepared = prepareData(takeRows(x, train), takeRows(x, test), weights, run.parameters);
    const task = {
      data: prepared,
      parameters: run.parameters,
      targets: takeColumns(y, genes),
      wanted: run.wanted,
    };
    await engine.fit(task, onFitted);
  } else {
    const means = columnMeans(y);
    genes.forEach((gene, output) => {
      const model = constantModel(means[gene], x.columns, run.parameters.rounds);
      const values = new Float32Array(test.length).fill(means[gene]);
      onFitted({ output, test: values, ...describe(model, run.wanted) });
    });
  }
  await writer.finish();
}

/** 1 where a row has any measured target, else 0. */
function rowWeights(y: Matrix, rows: Int32Array): Float32Array {
  return Float32Array.from(rows, (row) => {
    const values = y.data.subarray(row * y.columns, (row + 1) * y.columns);
    return values.some(Number.isFinite) ? 1 : 0;
  });
}

/** Collects the genes of each block as they come, and saves a block when it is complete. */
class BlockWriter {
  readonly #parts: TreeParts;
  readonly #run: TreeRun;
  readonly #data: TreeData;
  readonly #fold: number;
  readonly #open: { part: TreePart; left: number; fitted: Map<number, FittedOutput> }[];
  readonly #writes: Promise<void>[] = [];
  #lastMs = performance.now();

  constructor(
    parts: TreeParts,
    run: TreeRun,
    data: TreeData,
    fold: number,
    blocks: readonly TreePart[],
    own: ReadonlySet<number> | null,
  ) {
    this.#parts = parts;
    this.#run = run;
    this.#data = data;
    this.#fold = fold;
    this.#open = blocks.map((part) => {
      let left = 0;
      for (let gene = part.from; gene < part.to; gene++) if (own === null || own.has(gene)) left++;
      return { part, left, fitted: new Map() };
    });
    for (const block of this.#open) if (block.left === 0) this.#write(block);
  }

  add(gene: number, fitted: FittedOutput): void {
    const block = this.#open.find(({ part }) => gene >= part.from && gene < part.to)!;
    block.fitted.set(gene, fitted);
    if (--block.left === 0) this.#write(block);
  }

  /** @throws what a write failed with */
  async finish(): Promise<void> {
    await Promise.all(this.#writes);
  }

  #write({ part, fitted }: { part: TreePart; fitted: Map<number, FittedOutput> }): void {
    const write = this.#save(part, fitted).finally(() => fitted.clear());
    write.catch(() => {});
    this.#writes.push(write);
  }

  async #save(part: TreePart, fitted: ReadonlyMap<number, FittedOutput>): Promise<void> {
    const { wanted, parameters, modelFolder } = this.#run;
    const nowMs = performance.now();
    const seconds = (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    const count = part.to - part.from, testRows = this.#data.folds[this.#fold].test.length;
    const features = this.#data.x.columns;
    const predictions = new Float32Array(testRows * count).fill(NaN);
    const importance = wanted.importance ? new Float32Array(count * features) : null;
    const forests: Forest[] = [];
    const absent = describe(constantModel(0, features, parameters.rounds), wanted).model;
    for (let i = 0; i < count; i++) {
      const output = fitted.get(part.from + i);
      output?.test.forEach((value, row) => predictions[row * count + i] = value);
      if (output?.importance) importance?.set(output.importance, i * features);
      const model = output?.model ?? absent;
      if (model) forests.push(model.forest);
      if (output?.model) {
        const file = `${this.#data.genes[part.from + i]}.json`;
        await writeFileAtomic(join(modelFolder, `fold_${this.#fold}`, file), output.model.json);
      }
    }
    const forest = wanted.models ? joinForests(forests) : null;
    await this.#parts.save(part, { predictions, importance, forest, seconds });
  }
}

/** All folds together. */
export interface TreeResults {
  /** perturbations x genes. */
  readonly heldOut: Matrix;
  /** Genes x features, mean over folds; null where it was not asked for. */
  readonly importance: Matrix | null;
  /** Time that fitting took, over all runs that had a part in it. */
  readonly trainingSeconds: number;
}

export async function collectTreeFolds(data: TreeData, parts: TreeParts): Promise<TreeResults> {
  const { rows, columns: genes } = data.y, { columns: features } = data.x;
  const heldOut: Matrix = { data: new Float32Array(rows * genes).fill(NaN), rows, columns: genes };
  let importance: Matrix | null = null;
  let trainingSeconds = 0;
  for (const [fold, { test }] of data.folds.entries()) {
    for await (const { part, content } of parts.read(fold)) {
      const count = part.to - part.from;
      test.forEach((row, i) => {
        heldOut.data.set(content.predictions.subarray(i * count, (i + 1) * count), row * genes + part.from);
      });
      if (content.importance) {
        importance ??= { data: new Float32Array(genes * features), rows: genes, columns: features };
        const start = part.from * features;
        content.importance.forEach((value, i) => importance!.data[start + i] += value / data.folds.length);
      }
      trainingSeconds += content.seconds;
    }
  }
  return { heldOut, importance, trainingSeconds };
}

/** Fold by fold its trees and what predictions need beside, as lib/models/saved_model.ts wants them. */
export async function* trainedTreeFolds(
  data: TreeData,
  parts: TreeParts,
  rounds: number,
): AsyncGenerator<TrainedFold> {
  for (let fold = 0; fold < data.folds.length; fold++) yield await trainedTreeFold(data, parts, fold, rounds);
}

async function trainedTreeFold(
  data: TreeData,
  parts: TreeParts,
  fold: number,
  rounds: number,
): Promise<TrainedFold> {
  const { train, test } = data.folds[fold];
  const forests: Forest[] = [];
  for await (const { content } of parts.read(fold)) if (content.forest) forests.push(content.forest);
  const forest = joinForests(forests);
  const scaler = new StandardScaler(data.x, data.strict ? train : undefined);
  const vector = (numbers: Float32Array | Float64Array): SafetensorsArray => ({
    shape: [numbers.length],
    data: Float32Array.from(numbers),
  });
  const baseline = columnMeans(data.y, train);
  // A gene that the fold did not learn is predicted by its mean.
  const own = data.choice.byFold && new Set(data.choice.byFold[fold]);
  if (own) forest.baseScore.forEach((_, gene) => own.has(gene) || (forest.baseScore[gene] = baseline[gene]));
  const tensors = new Map<string, SafetensorsArray>([
    ["baseline", vector(baseline)],
    ["scaler.mean", { shape: [data.x.columns], data: scaler.mean }],
    ["scaler.scale", { shape: [data.x.columns], data: scaler.scale }],
    ["forest.base_score", vector(forest.baseScore)],
    ["forest.tree_sizes", { shape: [data.y.columns, rounds], data: forest.treeSizes }],
    ["forest.feature", vector(forest.feature)],
    ["forest.value", vector(forest.value)],
    ["forest.left", vector(forest.left)],
    ["forest.right", vector(forest.right)],
    ["forest.default_left", vector(forest.defaultLeft)],
  ]);
  return { fold, test: Array.from(test, (row) => data.ids[row]), tensors };
}
