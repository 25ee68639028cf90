/**
 * Any model exported to ONNX that takes `input_ids` and gives hidden states: for models that we do not implement. Runs in
 * onnxruntime-web, which is large and loaded only here.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { basename } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { readFileBytes } from "../io/read_file.ts";
import { padBatch, type TokenBatch, type Tokenizer } from "../models/token_batch.ts";
import type { Embedder, LayerAndPooling, PooledBatch } from "./embedder.ts";
import { HostPooler, poolingMasks } from "./host_pooler.ts";
import { checkInputs, declaredWidth, numberedOutputs, outputOf } from "./onnx_graph.ts";
import { loadOnnxRuntime, type OnnxRuntime, type OnnxSession, type OnnxTensor } from "./onnx_runtime.ts";
import type { Layer, Pooling } from "./readings.ts";

export interface OnnxOptions {
  readonly pipeline: string;
  readonly tokenizer: Tokenizer;
  /** Whether padding leaves results alone where the model takes a mask. */
  readonly allowsPadding: boolean;
  readonly device: "webgpu" | "cpu";
  readonly threads: number;
  /** Layers that will be read; by default the last. */
  readonly layers?: readonly Layer[];
}

/** @throws {DataError} when the file is no ONNX model, or not one of tokens to hidden states */
export async function openOnnxEmbedder(path: string, options: OnnxOptions): Promise<Embedder> {
  const { session, runtime, sha256 } = await openSession(path, options);
  const { tokenizer, layers = ["last"] } = options, outputs = new Map<Layer, string>();
  const embed = (batch: TokenBatch, readings: readonly LayerAndPooling[]) =>
    embedBatch({ path, runtime, session, outputs, tokenizer }, batch, readings);
  let width: number;
  try {
    checkInputs(path, session);
    for (const layer of layers) outputs.set(layer, outputOf(path, session, layer));
    const [[layer, output]] = outputs;
    const shortest = padBatch([tokenizer.encode("A").tokenIds], tokenizer);
    width = declaredWidth(session, output) ??
      (await embed(shortest, [{ layer, pooling: "mean" }])).values[0][0].length;
  } catch (error) {
    await session.release();
    throw error;
  }
  const device = options.device === "webgpu" ? "WebGPU" : `WebAssembly, ${options.threads} threads`;
  return {
    tokenizer,
    width,
    maxTokens: Infinity,
    allowsPadding: options.allowsPadding && session.inputNames.includes("attention_mask"),
    maxBatchTokens: 2 ** 14,
    record: {
      pipeline: options.pipeline,
      model: basename(path),
      revision: null,
      weights: basename(path),
      weights_sha256: sha256,
      dtype: "as in the ONNX model",
      device: `onnxruntime-web, ${device}`,
    },
    layerName: (layer) => `output "${outputs.get(layer)}" of the ONNX model`,
    embed,
    close: () => session.release(),
  };
}

/** Numbers of the layers that an exported model gives, ascending. @throws {DataError} when the file is no ONNX model */
export async function onnxLayers(path: string): Promise<number[]> {
  const { session } = await openSession(path, { device: "cpu", threads: 1 });
  const layers = [...numberedOutputs(session).keys()].sort((a, b) => a - b);
  await session.release();
  return layers;
}

async function openSession(path: string, { device, threads }: Pick<OnnxOptions, "device" | "threads">) {
  const bytes = await readFileBytes(path), onGpu = device === "webgpu";
  const runtime = await loadOnnxRuntime(onGpu);
  // The WebGPU build can only start further threads in a browser; it computes on the GPU anyway.
  runtime.env.wasm.numThreads = onGpu ? 1 : threads;
  runtime.env.logLevel = "error";
  try {
    const session = await withoutEnvironment(() =>
      runtime.InferenceSession.create(bytes, { executionProviders: [onGpu ? "webgpu" : "wasm"] })
    );
    return { session, runtime, sha256: createHash("sha256").update(bytes).digest("hex") };
  } catch (error) {
    throw new DataError(`Cannot read "${path}" as an ONNX model: ${(error as Error).message}`);
  }
}

/** The runtime's threads copy the environment when they start, for which Deno would ask: there is nothing in it for them. */
async function withoutEnvironment<T>(start: () => Promise<T>): Promise<T> {
  const { env } = process;
  process.env = {};
  try {
    return await start();
  } finally {
    process.env = env;
  }
}

interface OpenModel {
  readonly path: string;
  readonly runtime: OnnxRuntime;
  readonly session: OnnxSession;
  readonly outputs: ReadonlyMap<Layer, string>;
  readonly tokenizer: Tokenizer;
}

async function embedBatch(
  model: OpenModel,
  batch: TokenBatch,
  readings: readonly LayerAndPooling[],
): Promise<PooledBatch> {
  const { path, outputs, tokenizer } = model;
  const nameOf = (layer: Layer) => outputs.get(layer)!;
  const names = [...new Set(readings.map(({ layer }) => nameOf(layer)))];
  const given = await runModel(model, batch, names);
  const masks = poolingMasks(batch, tokenizer),
    pooled = new Map<string, ReadonlyMap<Pooling, Float32Array[]>>();
  for (const name of names) {
    const { dims, data } = given[name], width = dims[2];
    if (dims.length !== 3 || dims[0] !== batch.batch || dims[1] !== batch.length) {
      throw new DataError(
        `Cannot use the ONNX model "${path}": its output "${name}" has shape (${dims.join(", ")}), ` +
          `expected (${batch.batch}, ${batch.length}, width)`,
      );
    }
    const wanted = readings.filter(({ layer }) => nameOf(layer) === name).map(({ pooling }) => pooling);
    // The plain mean is always there: it tells what is not finite.
    const poolings = new Set<Pooling>(["mean", ...wanted]);
    const pooler = new HostPooler(batch, masks, width, poolings);
    pooler.add(0, asNumbers(path, name, data));
    pooled.set(name, new Map([...poolings].map((pooling) => [pooling, pooler.finish(pooling)])));
  }
  for (const output of Object.values(given)) output.dispose();
  const means = [...pooled.values()].map((values) => values.get("mean")!);
  return {
    values: readings.map(({ layer, pooling }) => pooled.get(nameOf(layer))!.get(pooling)!),
    finite: means[0].map((_, row) => means.every((rows) => rows[row].every(Number.isFinite))),
  };
}

async function runModel(
  { path, runtime, session }: OpenModel,
  { tokenIds, mask, batch, length }: TokenBatch,
  outputs: readonly string[],
): Promise<Record<string, OnnxTensor>> {
  const values: Record<string, Int32Array> = {
    input_ids: tokenIds,
    attention_mask: mask,
    token_type_ids: new Int32Array(batch * length),
  };
  const feeds: Record<string, OnnxTensor> = {};
  session.inputMetadata.forEach((input, i) => {
    const name = session.inputNames[i], isLong = input.isTensor && input.type === "int64";
    feeds[name] = isLong
      ? new runtime.Tensor("int64", BigInt64Array.from(values[name], BigInt), [batch, length])
      : new runtime.Tensor("int32", values[name], [batch, length]);
  });
  try {
    return await session.run(feeds, outputs);
  } catch (error) {
    throw new DataError(
      `Cannot run the ONNX model "${path}" on ${batch} x ${length} tokens: ${(error as Error).message}`,
    );
  }
}

function asNumbers(path: string, name: string, data: OnnxTensor["data"]): ArrayLike<number> {
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Float16Array) {
    return data;
  }
  // Half precision comes as bits where the runtime predates Float16Array.
  if (data instanceof Uint16Array) {
    return new Float16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length);
  }
  throw new DataError(
    `Cannot use the ONNX model "${path}": its output "${name}" does not hold floating-point numbers`,
  );
}
