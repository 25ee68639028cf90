/**
 * Any model exported to ONNX that takes `input_ids` and gives hidden states: for models that we do not implement. Runs in
 * onnxruntime-web, which is large and loaded only here.
 */
import { loadOnnxRuntime, type OnnxRuntime, type OnnxSession, type OnnxTensor } from "./onnx_runtime.ts";
import { createHash } from "node:crypto";
import process from "node:process";
import { basename } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { readFileBytes } from "../io/read_file.ts";
import { padBatch, type TokenBatch, type Tokenizer } from "../models/token_batch.ts";
import { type Embedder, finiteRows, type PooledBatch, type Pooling } from "./embedder.ts";

export interface OnnxOptions {
  readonly pipeline: string;
  readonly tokenizer: Tokenizer;
  /** Whether padding leaves results alone where the model takes a mask. */
  readonly allowsPadding: boolean;
  readonly device: "webgpu" | "cpu";
  readonly threads: number;
}

/** @throws {DataError} when the file is no ONNX model, or not one of tokens to hidden states */
export async function openOnnxEmbedder(path: string, options: OnnxOptions): Promise<Embedder> {
  const bytes = await readFileBytes(path);
  const onGpu = options.device === "webgpu";
  const runtime = await loadOnnxRuntime(onGpu);
  // The WebGPU build can only start further threads in a browser; it computes on the GPU anyway.
  runtime.env.wasm.numThreads = onGpu ? 1 : options.threads;
  runtime.env.logLevel = "error";
  let session: OnnxSession;
  try {
    session = await withoutEnvironment(() =>
      runtime.InferenceSession.create(bytes, { executionProviders: [onGpu ? "webgpu" : "wasm"] })
    );
  } catch (error) {
    throw new DataError(`Cannot read "${path}" as an ONNX model: ${(error as Error).message}`);
  }
  const { tokenizer } = options;
  const measuredWidth = async () => {
    const shortest = padBatch([tokenizer.encode("A").tokenIds], tokenizer);
    return (await embed(path, runtime, session, output, shortest, "mean")).vectors.length;
  };
  let output: string, width: number;
  try {
    checkInputs(path, session);
    output = hiddenOutput(path, session);
    width = declaredWidth(session, output) ?? await measuredWidth();
  } catch (error) {
    await session.release();
    throw error;
  }
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
      weights_sha256: createHash("sha256").update(bytes).digest("hex"),
      layer: `output "${output}" of the ONNX model`,
      dtype: "as in the ONNX model",
      device: onGpu ? "onnxruntime-web, WebGPU" : `onnxruntime-web, WebAssembly, ${options.threads} threads`,
    },
    embed: (batch, pooling) => embed(path, runtime, session, output, batch, pooling),
    close: () => session.release(),
  };
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

/** What the models at hand take; anything else cannot be filled in. */
const knownInputs = ["input_ids", "attention_mask"];

function checkInputs(path: string, session: OnnxSession): void {
  const fail = (what: string) => new DataError(`Cannot use the ONNX model "${path}": ${what}`);
  if (!session.inputNames.includes("input_ids")) {
    throw fail(`it has no input "input_ids" (it has ${session.inputNames.join(", ")})`);
  }
  const unknown = session.inputNames.find((name) => !knownInputs.includes(name));
  if (unknown !== undefined) {
    throw fail(`it needs the input "${unknown}" (known are ${knownInputs.join(" and ")})`);
  }
}

/**
 * Which output holds the hidden states: the one of that name, else the last that says "hidden" (exports number them by
 * layer), else the only one that is batch x length x something, which may be scores of tokens.
 */
function hiddenOutput(path: string, { outputNames, outputMetadata }: OnnxSession): string {
  const wanted = "last_hidden_state";
  if (outputNames.includes(wanted)) return wanted;
  const deep = outputNames.filter((_, i) => {
    const output = outputMetadata[i];
    return output.isTensor && output.shape?.length === 3;
  });
  const found = deep.findLast((name) => /hidden/i.test(name)) ?? (deep.length === 1 ? deep[0] : null);
  if (found === null) {
    throw new DataError(
      `Cannot use the ONNX model "${path}": none of its outputs (${
        outputNames.join(", ")
      }) is named "${wanted}", nor is one alone of shape batch x length x width (export it with that output)`,
    );
  }
  const doubt = /hidden/i.test(found) ? "" : ", which may be no hidden state";
  log.warn(`The ONNX model "${path}" has no output "${wanted}": taking "${found}"${doubt}`);
  return found;
}

/** Width of an output; null where the file leaves it open. */
function declaredWidth({ outputNames, outputMetadata }: OnnxSession, name: string): number | null {
  const output = outputMetadata[outputNames.indexOf(name)];
  const width = output.isTensor && output.shape?.length === 3 ? output.shape[2] : null;
  return typeof width === "number" && width > 0 ? width : null;
}

async function embed(
  path: string,
  runtime: OnnxRuntime,
  session: OnnxSession,
  name: string,
  { tokenIds, mask, batch, length }: TokenBatch,
  pooling: Pooling,
): Promise<PooledBatch> {
  const feeds: Record<string, OnnxTensor> = {};
  session.inputMetadata.forEach((input, i) => {
    const values = session.inputNames[i] === "input_ids" ? tokenIds : mask;
    const isLong = input.isTensor && input.type === "int64";
    feeds[session.inputNames[i]] = isLong
      ? new runtime.Tensor("int64", BigInt64Array.from(values, BigInt), [batch, length])
      : new runtime.Tensor("int32", values, [batch, length]);
  });
  let outputs: Record<string, OnnxTensor>;
  try {
    outputs = await session.run(feeds);
  } catch (error) {
    throw new DataError(
      `Cannot run the ONNX model "${path}" on ${batch} x ${length} tokens: ${(error as Error).message}`,
    );
  }
  const hidden = outputs[name];
  const [hiddenBatch, hiddenLength, width] = hidden.dims;
  if (hidden.dims.length !== 3 || hiddenBatch !== batch || hiddenLength !== length) {
    throw new DataError(
      `Cannot use the ONNX model "${path}": its output "${name}" has shape (${hidden.dims.join(", ")}), ` +
        `expected (${batch}, ${length}, width)`,
    );
  }
  const values = asNumbers(path, name, hidden.data);
  const means = new Float32Array(batch * width), firsts = new Float32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    const rowMask = mask.subarray(row * length, (row + 1) * length);
    const tokens = rowMask.reduce((sum, m) => sum + m, 0), first = rowMask.indexOf(1);
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let t = 0; t < length; t++) if (rowMask[t]) sum += values[(row * length + t) * width + j];
      means[row * width + j] = sum / tokens;
      firsts[row * width + j] = values[(row * length + first) * width + j];
    }
  }
  for (const output of Object.values(outputs)) output.dispose();
  return { vectors: pooling === "mean" ? means : firsts, finite: finiteRows(means, batch) };
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
