/**
 * Boosted trees from TF embeddings, one model a gene, as an experiment.
 *
 * Saved: scaler.mean, scaler.scale (width) in float64, and a forest: one tree a gene and round, gene by gene, round by round:
 * forest.base_score (genes), forest.tree_sizes (genes x rounds): nodes of each tree, forest.feature (nodes): -1 at a leaf,
 * forest.value (nodes): threshold or leaf value, forest.left, forest.right (nodes): children, counted from the first node of
 * their tree, forest.default_left (nodes): 1 where a missing value goes left. x < threshold goes left.
 */
import { join } from "@std/path";
import { type FittedOutput, type TreeEngine, treesAndImportance, type Wanted } from "../boosting/engine.ts";
import { type Forest, joinForests } from "../boosting/forest.ts";
import { parametersForSummary } from "../boosting/parameter_flags.ts";
import type { BoostingParameters } from "../boosting/parameters.ts";
import { prepareData } from "../boosting/prepared_data.ts";
import { constantModel, predict as predictTrees } from "../boosting/tree.ts";
import { log } from "../cli/log.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import { StandardScaler } from "../dataset/standard_scaler.ts";
import type { ExperimentData, FoldTask, GeneBlock, GeneModel, ModelFamily } from "../experiment/model.ts";
import type { GeneRange, Part } from "../experiment/part.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv } from "../io/csv.ts";
import { writeParquetFrame } from "../io/parquet_frame.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { type Embedded, type Matrix, takeColumns, takeRows } from "../linalg/matrix.ts";
import { BlockCollector } from "./block_collector.ts";
import { scaledRows } from "./linear_prediction.ts";
import { forestModels, refuseBrokenForest } from "./saved_forest.ts";

const forestTensors: Record<keyof Forest, string> = {
  baseScore: "forest.base_score",
  treeSizes: "forest.tree_sizes",
  feature: "forest.feature",
  value: "forest.value",
  left: "forest.left",
  right: "forest.right",
  defaultLeft: "forest.default_left",
};

export const xgboost: ModelFamily = {
  kind: "xgboost",
  input: "embedding",
  shapes({ genes, width }, tensors) {
    const nodes = tensors.get("forest.feature")?.shape[0] ?? null;
    const perNode = ["feature", "value", "left", "right", "default_left"];
    return {
      "scaler.mean": [width],
      "scaler.scale": [width],
      "forest.base_score": [genes],
      "forest.tree_sizes": [genes, null],
      ...Object.fromEntries(perNode.map((name) => [`forest.${name}`, [nodes]])),
    };
  },
  load({ path, tensors, genes }) {
    refuseBrokenForest(path, tensors);
    return {
      predict(input, rows) {
        const x = scaledRows(input, rows, tensors);
        const data = new Float32Array(rows.length * genes);
        let gene = 0;
        for (const forest of forestModels(tensors, x.columns)) {
          predictTrees(forest, x).forEach((value, row) => data[row * genes + gene] = value);
          gene++;
        }
        return { data, rows: rows.length, columns: genes };
      },
    };
  },
};

export interface XgboostOptions {
  /** perturbations x embedding width, not yet standardised; NaN where missing. */
  readonly x: Embedded;
  readonly parameters: BoostingParameters;
  readonly wanted: Wanted;
  /** Opened when the first fold is fitted. */
  readonly engine: { readonly name: string; open(): Promise<TreeEngine> };
  /** Write XGBoost's own JSON of every gene and fold too. */
  readonly savesJson: boolean;
  /** Flags that the numbers depend on. */
  readonly identity: Readonly<Record<string, unknown>>;
}

export function xgboostModel(data: ExperimentData, options: XgboostOptions): GeneModel {
  let opened: Promise<TreeEngine> | null = null;
  return {
    family: xgboost,
    identity: options.identity,
    engine: options.engine.name,
    isQuick: false,
    blockSize: 128,
    fitBlocks: async (task, blocks, save) =>
      await fitBlocks(await (opened ??= options.engine.open()), data, options, task, blocks, save),
    mergeTensors: (_, parts) => mergeForests(data, options.parameters.rounds, parts),
    writeMore: async (file, parts) => {
      if (options.wanted.importance) await writeImportance(file, data, options, parts);
      if (options.savesJson) await writeXgboostJson(file, data, parts);
    },
    summary: () => ({
      engine: options.engine.name,
      xgboost_params: parametersForSummary(options.parameters),
    }),
    close: async () => await (await opened)?.close(),
  };
}

async function fitBlocks(
  engine: TreeEngine,
  data: ExperimentData,
  { x, parameters, wanted, savesJson }: XgboostOptions,
  task: FoldTask,
  blocks: readonly GeneRange[],
  save: (block: GeneRange, content: GeneBlock) => Promise<void>,
): Promise<void> {
  const { train, test } = task, { values } = data.targets;
  const scaler = new StandardScaler(x, data.strict ? train : undefined);
  const scaled = scaler.transform(x);
  const own = task.genes === null ? null : new Set(task.genes);
  const genes = blocks.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
    .filter((gene) => own === null || own.has(gene));
  const scalerTensors: [string, SafetensorsArray][] = [
    ["scaler.mean", { shape: [x.columns], data: scaler.mean }],
    ["scaler.scale", { shape: [x.columns], data: scaler.scale }],
  ];
  const absent = treesAndImportance(constantModel(0, x.columns, parameters.rounds), wanted);
  const collector = new BlockCollector<FittedOutput>(blocks, own, (block, fitted) => {
    const content = contentOf(block, fitted, absent, {
      rows: test.length,
      features: x.columns,
      wanted,
      savesJson,
    });
    return save(
      block,
      wanted.models ? { ...content, tensors: new Map([...content.tensors, ...scalerTensors]) } : content,
    );
  });
  let done = 0;
  const onFitted = (fitted: FittedOutput) => {
    collector.add(genes[fitted.output], fitted);
    task.progress(++done / genes.length, `gene ${done}/${genes.length}`);
  };
  // Targets of the fold have its own genes only; `genes` count those of the run.
  const place = task.genes === null ? null : new Map(task.genes.map((gene, i) => [gene, i]));
  const y = takeColumns(takeRows(task.targets, train), genes.map((gene) => place?.get(gene) ?? gene));
  const weights = Float32Array.from(train, (row) => isMeasured(values, row) ? 1 : 0);
  if (weights.some((weight) => weight > 0)) {
    const prepared = prepareData(takeRows(scaled, train), takeRows(scaled, test), weights, parameters);
    await engine.fit({ data: prepared, parameters, targets: y, wanted }, onFitted);
  } else {
    log.warn(`Fold ${task.index} has no measured target to learn from: it predicts the gene means.`);
    const means = columnMeans(y);
    genes.forEach((_, output) => {
      const model = constantModel(means[output], x.columns, parameters.rounds);
      onFitted({
        output,
        test: new Float32Array(test.length).fill(means[output]),
        ...treesAndImportance(model, wanted),
      });
    });
  }
  await collector.finish();
}

/** What a part keeps of a block of genes. */
function contentOf(
  { from, to }: GeneRange,
  fitted: ReadonlyMap<number, FittedOutput>,
  absent: Pick<FittedOutput, "model">,
  { rows, features, wanted, savesJson }: {
    rows: number;
    features: number;
    wanted: Wanted;
    savesJson: boolean;
  },
): GeneBlock {
  const count = to - from;
  const predictions = new Float32Array(rows * count).fill(NaN);
  const importance = wanted.importance ? new Float32Array(count * features) : null;
  const forests: Forest[] = [], json: Record<string, string> = {};
  for (let i = 0; i < count; i++) {
    const output = fitted.get(from + i);
    output?.test.forEach((value, row) => predictions[row * count + i] = value);
    if (output?.importance) importance?.set(output.importance, i * features);
    const model = output?.model ?? absent.model;
    if (model) forests.push(model.forest);
    if (savesJson && output?.model) json[from + i] = output.model.json;
  }
  const tensors = new Map<string, SafetensorsArray>();
  if (importance) tensors.set("importance", { shape: [count, features], data: importance });
  if (wanted.models) {
    for (const [key, data] of Object.entries(joinForests(forests))) {
      tensors.set(forestTensors[key as keyof Forest], { shape: [data.length], data });
    }
  }
  return { predictions, tensors, report: savesJson ? { json } : {} };
}

/** The forests of all parts of a fold as one. A gene that the fold did not learn is predicted by its mean. */
function mergeForests(
  data: ExperimentData,
  rounds: number,
  parts: readonly Part[],
): Map<string, SafetensorsArray> {
  const { fold } = parts[0].key, own = data.training.genesOf(fold);
  const of = (part: Part, name: string) => part.tensors.get(name)!.data as Float32Array;
  const forest = joinForests(parts.map((part) =>
    Object.fromEntries(
      Object.entries(forestTensors).map(([key, name]) => [key, of(part, name)]),
    ) as unknown as Forest
  ));
  if (own) {
    const learned = new Set(own), means = columnMeans(data.targets.values, data.folds[fold].train);
    forest.baseScore.forEach((_, gene) => learned.has(gene) || (forest.baseScore[gene] = means[gene]));
  }
  const tensors = new Map<string, SafetensorsArray>(
    ["scaler.mean", "scaler.scale"].map((name) => [name, parts[0].tensors.get(name)!]),
  );
  for (const [key, name] of Object.entries(forestTensors)) {
    const numbers = forest[key as keyof Forest];
    const shape = key === "treeSizes" ? [data.targets.genes.length, rounds] : [numbers.length];
    tensors.set(name, { shape, data: numbers });
  }
  return tensors;
}

/** `importance_<type>.parquet`, genes x embedding dimensions, mean over folds; the mean over genes as `.csv`. */
async function writeImportance(
  file: (name: string) => string,
  { targets: { genes }, folds }: ExperimentData,
  { x: { columns }, wanted: { importance: type } }: XgboostOptions,
  parts: (fold: number) => AsyncIterable<Part>,
): Promise<void> {
  const values = { data: new Float32Array(genes.length * columns), rows: genes.length, columns };
  for (let fold = 0; fold < folds.length; fold++) {
    for await (const { key, tensors } of parts(fold)) {
      const own = tensors.get("importance")!.data as Float32Array, start = key.from * columns;
      own.forEach((value, i) => values.data[start + i] += value / folds.length);
    }
  }
  const features = Array.from({ length: columns }, (_, feature) => `f${feature}`);
  await writeParquetFrame(file(`importance_${type}.parquet`), { index: genes, columns: features, values });
  const means = features.map((name, feature) => {
    let sum = 0;
    for (let gene = 0; gene < values.rows; gene++) sum += values.data[gene * columns + feature];
    return [name, sum / values.rows];
  });
  await writeFileAtomic(file(`importance_${type}.csv`), encodeCsv(["feature", type!], means));
}

/**
 * XGBoost's own JSON, a file a gene and fold: `model/xgboost/fold_<n>/gene_<number>.json`. Names of genes are data, never
 * paths: `genes.csv` says which number is which gene.
 */
async function writeXgboostJson(
  file: (name: string) => string,
  { targets: { genes }, folds }: ExperimentData,
  parts: (fold: number) => AsyncIterable<Part>,
): Promise<void> {
  for (let fold = 0; fold < folds.length; fold++) {
    for await (const { report } of parts(fold)) {
      for (const [gene, json] of Object.entries(report.json as Record<string, string>)) {
        await writeFileAtomic(file(join("model", "xgboost", `fold_${fold}`, `gene_${gene}.json`)), json);
      }
    }
  }
  const rows = genes.map((gene, number) => [`gene_${number}.json`, gene]);
  await writeFileAtomic(file(join("model", "xgboost", "genes.csv")), encodeCsv(["file", "gene"], rows));
}

function isMeasured({ data, columns }: Matrix, row: number): boolean {
  return data.subarray(row * columns, (row + 1) * columns).some(Number.isFinite);
}
