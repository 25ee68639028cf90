import type { Backend } from "../backend/backend.ts";
import { chooseDevice, openBackend } from "../backend/device.ts";
import { parseByteSize } from "../cli/byte_size.ts";
import { log } from "../cli/log.ts";
import { ProgressBar } from "../cli/progress.ts";
import { type ModelSource, openModelSource } from "../models/model_source.ts";
import type { WeightType } from "../models/weight_type.ts";
import type { Embedder, Pipeline } from "./embedder.ts";
import { openHyenaEmbedder } from "./hyena_embedder.ts";
import { modelName } from "./embedding_jobs.ts";
import type { InferenceFlags } from "./inference_flags.ts";
import type { ModelRun } from "./model_runs.ts";
import { openNtEmbedder } from "./nt_embedder.ts";
import { openOnnxEmbedder } from "./onnx_embedder.ts";
import type { Layer } from "./readings.ts";
import { onnxTokenizer } from "./tokenizer_choice.ts";
import { withWeightsHash } from "./weights_hash.ts";

/** What a WebAssembly memory holds. */
const cpuBytes = 2 ** 32;
/** Taken off it: what the CPU engine keeps for itself. */
const engineBytes = 2 ** 22;
/** Share of the memory that plans leave free: for gaps between blocks, and for sizes of buffers that are rounded up. */
const spare = { cpu: 0.1, webgpu: 0.4 };

export interface OpenedEmbedder {
  readonly embedder: Embedder;
  readonly backend: Backend | null;
  close(): Promise<void>;
}

/** The model that the flags name, ready to run on the device that they name. */
export async function openEmbedder(
  { pipeline, source, readings }: Pick<ModelRun, "pipeline" | "source" | "readings">,
  flags: InferenceFlags,
  onShare: (share: number) => void,
): Promise<OpenedEmbedder> {
  if (flags.onnx !== null) {
    const layers = [...new Set(readings.map(({ layer }) => layer))];
    const embedder = await openOnnx(pipeline, source, layers, flags, flags.onnx);
    return { embedder, backend: null, close: () => embedder.close() };
  }
  const memoryLimit = flags.memoryLimit === null
    ? undefined
    : parseByteSize("memory-limit", flags.memoryLimit);
  const { device, blas, profile, threads } = flags;
  const { backend, reason, advice } = await openBackend({
    device,
    blas,
    profile,
    threads: threads ?? undefined,
    memoryLimit,
  });
  log.info(reason);
  if (advice) log.info(advice);
  try {
    const most = backend.name === "cpu" ? cpuBytes - engineBytes : Infinity;
    const memoryBytes = (1 - spare[backend.name]) * Math.min((memoryLimit ?? Infinity) - engineBytes, most);
    const dtype = chosenType(backend, flags.dtype);
    const readBack = readings.filter(({ pooling }) => pooling === "max" || pooling === "none");
    const statesKept = new Set(readBack.map(({ layer }) => layer)).size;
    const opened = pipeline === "ntv2"
      ? await openNtEmbedder(backend, source, { dtype, memoryBytes, statesKept })
      : await openHyenaEmbedder(backend, source, { dtype, memoryBytes, onShare });
    const embedder = { ...opened, record: await withWeightsHash(opened.record, source) };
    const close = async () => {
      await embedder.close();
      await backend.close();
    };
    return { embedder, backend, close };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

function chosenType(backend: Backend, asked: WeightType): WeightType {
  if (asked === "f16" && !backend.supportsF16) {
    log.warn(`${backend.description} has no float16: computing in float32`);
    return "f32";
  }
  return asked;
}

async function openOnnx(
  pipeline: Pipeline,
  source: ModelSource,
  layers: readonly Layer[],
  flags: InferenceFlags,
  path: string,
): Promise<Embedder> {
  for (
    const [flag, used] of [
      [`dtype ${flags.dtype}`, flags.dtype !== "f32"],
      ["memory-limit", flags.memoryLimit !== null],
    ]
  ) {
    if (used) log.warn(`--${flag} is not used with --onnx: the model says how it computes`);
  }
  const { device } = flags.device === "auto" ? await chooseDevice() : { device: flags.device };
  const embedder = await openOnnxEmbedder(path, {
    pipeline,
    tokenizer: await onnxTokenizer(pipeline, source, path, flags),
    allowsPadding: pipeline !== "hyenadna",
    layers,
    device,
    threads: flags.threads ?? navigator.hardwareConcurrency,
  });
  log.info(`Device: ${embedder.record.device}`);
  return embedder;
}

/** The files of the model that the flags name; downloads show a bar. */
export function modelSource(pipeline: Pipeline, flags: InferenceFlags): Promise<ModelSource> {
  let bar: { file: string; shown: ProgressBar } | null = null;
  return openModelSource(modelName(pipeline, flags), {
    revision: flags.revision ?? undefined,
    warn: log.warn,
    onProgress(file, done, total) {
      if (!Deno.stderr.isTerminal()) {
        if (done === total) log.info(`Downloaded "${file}" (${megabytes(total)} MB)`);
        return;
      }
      if (bar?.file !== file) {
        bar?.shown.end();
        bar = { file, shown: new ProgressBar(`${file} (MB)`, Math.max(1, megabytes(total))) };
      }
      bar.shown.update(done === total ? Math.max(1, megabytes(total)) : done / 1e6);
      if (done === total) {
        bar.shown.end();
        bar = null;
      }
    },
  });
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}
