/** The models of a run with the jobs of each, and what can be told of a model before it is downloaded or loaded. */
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { hyenaConfig } from "../models/hyenadna/config.ts";
import { type ModelSource, openModelWeights, readModelConfig } from "../models/model_source.ts";
import { readNtTokenizer } from "../models/nucleotide_transformer/pretrained.ts";
import { ntConfig } from "../models/nucleotide_transformer/model.ts";
import type { Pipeline } from "./embedder.ts";
import { type EmbeddingJob, modelName } from "./embedding_jobs.ts";
import type { InferenceFlags } from "./inference_flags.ts";
import { ntSize } from "./nt_size.ts";
import { modelSource } from "./open_embedder.ts";
import type { EmbeddingFiles } from "./outputs.ts";
import { type KnownLayers, layersUpTo, type Reading, readingsOf } from "./readings.ts";
import { checkWindows, type WindowLimits, type Windows } from "./windows.ts";

/** What goes through one model. */
export interface ModelRun {
  readonly pipeline: Pipeline;
  readonly source: ModelSource;
  readonly readings: readonly Reading[];
  readonly jobs: readonly { readonly input: string; readonly files: EmbeddingFiles }[];
}

/** @throws {UsageError} when a model is neither folder nor hub id, lacks a layer, or --revision would be of two */
export async function modelRuns(
  jobs: readonly EmbeddingJob[],
  flags: InferenceFlags,
): Promise<ModelRun[]> {
  const pipelines = [...new Set(jobs.map(({ pipeline }) => pipeline))];
  await checkRevision(pipelines.map((pipeline) => modelName(pipeline, flags)), flags.revision);
  const runs: ModelRun[] = [];
  for (const pipeline of pipelines) {
    const source = await modelSource(pipeline, flags);
    const size = pipeline === "ntv2" && flags.input === null
      ? await ntSize(source, { onnx: flags.onnx, isChosen: flags.model !== null })
      : "";
    const own = jobs.filter((job) => job.pipeline === pipeline);
    const readings = await readingsOfModel(pipeline, source, flags);
    runs.push({
      pipeline,
      source,
      readings,
      jobs: own.map(({ input, files }) => ({ input, files: files(readings, size) })),
    });
  }
  return runs;
}

async function readingsOfModel(
  pipeline: Pipeline,
  source: ModelSource,
  { layer, poolingMethod, onnx }: InferenceFlags,
): Promise<Reading[]> {
  let known: KnownLayers | null = null;
  if (onnx !== null) {
    // Which single layers there are is told when the model is opened to run.
    if (layer.includes("all")) {
      const { onnxLayers } = await import("./onnx_embedder.ts");
      known = { numbers: await onnxLayers(onnx), last: null };
    }
  } else if (layer.some((text) => text !== "last")) {
    const config = await readModelConfig(source);
    known = layersUpTo(pipeline === "ntv2" ? ntConfig(config).layers : hyenaConfig(config).layers);
  }
  return readingsOf(layer, poolingMethod, known, onnx ?? source.name);
}

/** Whether windows fit a model of ours, before it is loaded. @throws {UsageError} */
export function checkModelWindows(
  pipeline: "ntv2" | "hyenadna",
  windows: Windows,
  flags: InferenceFlags,
): void {
  const limits: WindowLimits = pipeline === "ntv2"
    ? {
      letters: 6,
      tokensOf: (letters) => 1 + Math.floor(letters / 6) + letters % 6,
      maxTokens: flags.maxSeqLength,
      flag: "a higher --max-seq-length",
    }
    : {
      letters: 1,
      tokensOf: (letters) => letters + 2,
      maxTokens: flags.hyenaMaxLength,
      flag: "a higher --hyena-max-length",
    };
  checkWindows(windows, limits);
}

/** A model of the hub has its config.json read, one in a folder the heads of its other files too. @throws {DataError} */
export async function checkModel({ pipeline, source }: ModelRun): Promise<void> {
  const config = await readModelConfig(source);
  const vocabularySize = pipeline === "ntv2" ? ntConfig(config).vocabularySize : null;
  if (pipeline === "hyenadna") hyenaConfig(config);
  if (!await isFolder(source.name)) return;
  if (vocabularySize !== null) await readNtTokenizer(source, vocabularySize);
  (await openModelWeights(source)).close();
}

async function checkRevision(models: readonly string[], revision: string | null): Promise<void> {
  if (revision === null) return;
  const folders: string[] = [];
  for (const model of models) if (await isFolder(model)) folders.push(model);
  if (models.length - folders.length > 1) {
    throw new UsageError(
      `Cannot use --revision ${revision} for both models at once: choose one with --pipeline`,
    );
  }
  for (const folder of folders) log.warn(`--revision ${revision} is not used for the folder "${folder}"`);
}

async function isFolder(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => null))?.isDirectory ?? false;
}
