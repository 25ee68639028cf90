/**
 * The WebGPU engine: every operation of the interface as WGSL kernels on Deno's WebGPU. Each method hands on to the
 * file of its kernel family; memory, submission and errors are the runtime's.
 */
import { DataError } from "../../cli/errors.ts";
import type {
  Activation,
  AdamOptions,
  AttentionShape,
  Backend,
  Broadcast,
  MatmulOptions,
  MatrixOperand,
  Storage,
} from "../backend.ts";
import { type AdapterReport, describeAdapter, findAdapter, openDevice, type SizeLimits } from "./adapter.ts";
import { attention, attentionBackward } from "./attention.ts";
import { causalConvolution, causalConvolutionBackward } from "./causal_convolution.ts";
import * as elementwise from "./elementwise.ts";
import { complexMultiply, inverseRealFft, realFft } from "./fft.ts";
import type { GpuStorage } from "./gpu_storage.ts";
import { layerNorm, layerNormBackward } from "./layer_norm.ts";
import { MemoryEngine } from "./memory_engine.ts";
import { type KernelSet, matmul } from "./matmul.ts";
import * as reductions from "./reductions.ts";
import { gatherPairs, gatherRows, scatterAddRows } from "./rows.ts";
import { Runtime } from "./runtime.ts";
import { maskedMean, maskedMeanBackward, rotary } from "./sequence.ts";
import { transpose } from "./transpose.ts";
import { adam, maskedSquaredErrorBackward } from "./updates.ts";

export interface WebGpuOptions {
  /** Measure the time of each kernel family. */
  readonly profile?: boolean;
  /** Take an adapter that runs on the CPU; default true. */
  readonly allowSoftware?: boolean;
  /** Most bytes in use at once; default what the device gives. */
  readonly memoryLimit?: number;
  /**
   * The adapter's own largest limits (the default), the smallest that the standard guarantees (and no optional
   * feature), or sizes below those, so that a test of splitting needs no large tensors.
   */
  readonly limits?: "largest" | "smallest" | SizeLimits;
  /** Kernels to run instead of those that suit the adapter. */
  readonly kernels?: KernelSet;
}

/**
 * Open the WebGPU device of this machine.
 *
 * @throws {DataError} when there is none, or only a software adapter that was not allowed
 */
export async function openWebGpuBackend(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const adapter = await findAdapter();
  if (!adapter) throw new DataError("Cannot use WebGPU: this machine offers no adapter. Use --device cpu");
  const report = describeAdapter(adapter);
  if (report.software && options.allowSoftware === false) {
    throw new DataError(
      `Cannot use WebGPU: "${report.name}" runs on the CPU. Use --device cpu, which is faster there`,
    );
  }
  return new WebGpuBackend(await openDevice(adapter, options.limits === "smallest"), report, options);
}

export class WebGpuBackend extends MemoryEngine implements Backend {
  readonly name = "webgpu";
  readonly description: string;
  readonly #kernels: KernelSet;

  constructor(device: GPUDevice, readonly adapter: AdapterReport, options: WebGpuOptions) {
    const memoryLimit = Math.min(
      options.memoryLimit ?? Infinity,
      adapter.software ? systemMemory() : Infinity,
    );
    const limits = typeof options.limits === "object" ? options.limits : {
      bindingBytes: device.limits.maxStorageBufferBindingSize,
      bufferBytes: device.limits.maxBufferSize,
    };
    super(new Runtime(device, { profile: options.profile ?? false, memoryLimit, limits }), adapter.name);
    this.description = adapter.name;
    this.#kernels = options.kernels ?? (adapter.software ? "software" : "gpu");
  }

  transpose(out: Storage, x: Storage, batch: number, rows: number, columns: number): void {
    transpose(
      this.runtime,
      this.#kernels === "gpu",
      out as GpuStorage,
      x as GpuStorage,
      batch,
      rows,
      columns,
    );
  }

  matmul(out: MatrixOperand, a: MatrixOperand, b: MatrixOperand, options: MatmulOptions): void {
    matmul(this.runtime, this.#kernels, out, a, b, options);
  }

  unary(f: Activation | "exp" | "copy", out: Storage, x: Storage, n: number): void {
    elementwise.unary(this.runtime, f, out as GpuStorage, x as GpuStorage, n);
  }

  unaryBackward(f: Activation, dx: Storage, dy: Storage, x: Storage, n: number, fromOutput = false): void {
    elementwise.unaryBackward(
      this.runtime,
      f,
      dx as GpuStorage,
      dy as GpuStorage,
      x as GpuStorage,
      n,
      fromOutput,
    );
  }

  binary(
    f: "add" | "subtract" | "multiply",
    out: Storage,
    a: Storage,
    b: Storage,
    rows: number,
    columns: number,
    broadcast: Broadcast,
  ): void {
    const [to, left, right] = [out as GpuStorage, a as GpuStorage, b as GpuStorage];
    elementwise.binary(this.runtime, f, to, left, right, rows, columns, broadcast);
  }

  linearCombination(
    out: Storage,
    alpha: number,
    a: Storage,
    beta: number,
    b: Storage | null,
    n: number,
  ): void {
    const [to, left, right] = [out as GpuStorage, a as GpuStorage, b as GpuStorage | null];
    elementwise.linearCombination(this.runtime, to, alpha, left, beta, right, n);
  }

  siluGate(out: Storage, x: Storage, rows: number, width: number): void {
    elementwise.siluGate(this.runtime, out as GpuStorage, x as GpuStorage, rows, width);
  }

  siluGateBackward(dx: Storage, dy: Storage, x: Storage, rows: number, width: number): void {
    elementwise.siluGateBackward(
      this.runtime,
      dx as GpuStorage,
      dy as GpuStorage,
      x as GpuStorage,
      rows,
      width,
    );
  }

  dropout(out: Storage, x: Storage, n: number, p: number, seed: number, stream: number): void {
    elementwise.dropout(this.runtime, out as GpuStorage, x as GpuStorage, n, p, seed, stream);
  }

  columnSum(
    out: Storage,
    x: Storage,
    y: Storage | null,
    rows: number,
    columns: number,
    accumulate = false,
  ): void {
    const [to, left, right] = [out as GpuStorage, x as GpuStorage, y as GpuStorage | null];
    reductions.columnSum(this.runtime, to, left, right, rows, columns, accumulate);
  }

  rowSum(
    out: Storage,
    x: Storage,
    y: Storage | null,
    rows: number,
    columns: number,
    accumulate = false,
  ): void {
    const [to, left, right] = [out as GpuStorage, x as GpuStorage, y as GpuStorage | null];
    reductions.rowSum(this.runtime, to, left, right, rows, columns, accumulate);
  }

  sumSquares(out: Storage, x: Storage, n: number, accumulate = false): void {
    reductions.sumSquares(this.runtime, out as GpuStorage, x as GpuStorage, n, accumulate);
  }

  flagNonFinite(out: Storage, x: Storage, n: number): void {
    reductions.flagNonFinite(this.runtime, out as GpuStorage, x as GpuStorage, n);
  }

  clipFactor(out: Storage, sumSquares: Storage, maxNorm: number, inverseScale: number): void {
    reductions.clipFactor(this.runtime, out as GpuStorage, sumSquares as GpuStorage, maxNorm, inverseScale);
  }

  layerNorm(
    out: Storage,
    stats: Storage,
    x: Storage,
    gamma: Storage | null,
    beta: Storage | null,
    rows: number,
    columns: number,
    epsilon: number,
  ): void {
    layerNorm(
      this.runtime,
      this.#kernels,
      out as GpuStorage,
      stats as GpuStorage,
      x as GpuStorage,
      gamma as GpuStorage | null,
      beta as GpuStorage | null,
      rows,
      columns,
      epsilon,
    );
  }

  layerNormBackward(
    dx: Storage,
    dgamma: Storage | null,
    dbeta: Storage | null,
    dy: Storage,
    x: Storage,
    stats: Storage,
    gamma: Storage | null,
    rows: number,
    columns: number,
  ): void {
    layerNormBackward(
      this.runtime,
      this.#kernels,
      dx as GpuStorage,
      dgamma as GpuStorage | null,
      dbeta as GpuStorage | null,
      dy as GpuStorage,
      x as GpuStorage,
      stats as GpuStorage,
      gamma as GpuStorage | null,
      rows,
      columns,
    );
  }

  rotary(
    out: Storage,
    x: Storage,
    cos: Storage,
    sin: Storage,
    shape: AttentionShape,
    inverse: boolean,
  ): void {
    const [to, from, c, s] = [out as GpuStorage, x as GpuStorage, cos as GpuStorage, sin as GpuStorage];
    rotary(this.runtime, to, from, c, s, shape, inverse);
  }

  attention(
    out: Storage,
    logSumExp: Storage | null,
    q: Storage,
    k: Storage,
    v: Storage,
    keyMask: Storage | null,
    shape: AttentionShape,
  ): void {
    const storages = {
      out: out as GpuStorage,
      logSumExp: logSumExp as GpuStorage | null,
      q: q as GpuStorage,
      k: k as GpuStorage,
      v: v as GpuStorage,
      keyMask: keyMask as GpuStorage | null,
    };
    attention(this.runtime, storages, shape);
  }

  attentionBackward(
    dq: Storage,
    dk: Storage,
    dv: Storage,
    dout: Storage,
    out: Storage,
    logSumExp: Storage,
    q: Storage,
    k: Storage,
    v: Storage,
    keyMask: Storage | null,
    shape: AttentionShape,
  ): void {
    const storages = {
      dq: dq as GpuStorage,
      dk: dk as GpuStorage,
      dv: dv as GpuStorage,
      dout: dout as GpuStorage,
      out: out as GpuStorage,
      logSumExp: logSumExp as GpuStorage,
      q: q as GpuStorage,
      k: k as GpuStorage,
      v: v as GpuStorage,
      keyMask: keyMask as GpuStorage | null,
    };
    attentionBackward(this.runtime, storages, shape);
  }

  maskedMean(out: Storage, x: Storage, mask: Storage, batch: number, length: number, width: number): void {
    maskedMean(this.runtime, out as GpuStorage, x as GpuStorage, mask as GpuStorage, batch, length, width);
  }

  maskedMeanBackward(
    dx: Storage,
    dy: Storage,
    mask: Storage,
    batch: number,
    length: number,
    width: number,
  ): void {
    maskedMeanBackward(
      this.runtime,
      dx as GpuStorage,
      dy as GpuStorage,
      mask as GpuStorage,
      batch,
      length,
      width,
    );
  }

  gatherRows(out: Storage, table: Storage, indices: Storage, rows: number, columns: number): void {
    gatherRows(this.runtime, out as GpuStorage, table as GpuStorage, indices as GpuStorage, rows, columns);
  }

  scatterAddRows(
    out: Storage,
    x: Storage,
    indices: Storage,
    rows: number,
    columns: number,
    outRows: number,
  ): void {
    scatterAddRows(
      this.runtime,
      out as GpuStorage,
      x as GpuStorage,
      indices as GpuStorage,
      rows,
      columns,
      outRows,
    );
  }

  gatherPairs(
    out: Storage,
    a: Storage,
    ia: Storage,
    b: Storage,
    ib: Storage,
    rows: number,
    columns: number,
    activation: "none" | "relu",
  ): void {
    const [to, left, right] = [out as GpuStorage, a as GpuStorage, b as GpuStorage];
    gatherPairs(this.runtime, to, left, ia as GpuStorage, right, ib as GpuStorage, rows, columns, activation);
  }

  maskedSquaredError(out: Storage, prediction: Storage, target: Storage, n: number): void {
    const [to, left, right] = [out as GpuStorage, prediction as GpuStorage, target as GpuStorage];
    reductions.maskedSquaredError(this.runtime, to, left, right, n);
  }

  maskedSquaredErrorBackward(
    dPrediction: Storage,
    prediction: Storage,
    target: Storage,
    stats: Storage,
    n: number,
    scale: number,
  ): void {
    const [to, left, right] = [dPrediction as GpuStorage, prediction as GpuStorage, target as GpuStorage];
    maskedSquaredErrorBackward(this.runtime, to, left, right, stats as GpuStorage, n, scale);
  }

  adam(
    parameter: Storage,
    gradient: Storage,
    m: Storage,
    v: Storage,
    n: number,
    options: AdamOptions,
    gradientFactor?: Storage,
  ): void {
    const [first, second] = [m as GpuStorage, v as GpuStorage];
    const factor = (gradientFactor ?? null) as GpuStorage | null;
    adam(this.runtime, parameter as GpuStorage, gradient as GpuStorage, first, second, n, options, factor);
  }

  causalConvolution(
    out: Storage,
    x: Storage,
    weight: Storage,
    bias: Storage | null,
    rows: number,
    channels: number,
    length: number,
    taps: number,
  ): void {
    const shape = { rows, channels, length, taps };
    const [to, from] = [out as GpuStorage, x as GpuStorage];
    causalConvolution(this.runtime, to, from, weight as GpuStorage, bias as GpuStorage | null, shape);
  }

  causalConvolutionBackward(
    dx: Storage | null,
    dweight: Storage | null,
    dbias: Storage | null,
    dy: Storage,
    x: Storage,
    weight: Storage,
    rows: number,
    channels: number,
    length: number,
    taps: number,
  ): void {
    causalConvolutionBackward(
      this.runtime,
      dx as GpuStorage | null,
      dweight as GpuStorage | null,
      dbias as GpuStorage | null,
      dy as GpuStorage,
      x as GpuStorage,
      weight as GpuStorage,
      { rows, channels, length, taps },
    );
  }

  realFft(out: Storage, x: Storage, rows: number, length: number, n: number): void {
    realFft(this.runtime, out as GpuStorage, x as GpuStorage, rows, length, n);
  }

  inverseRealFft(out: Storage, spectrum: Storage, rows: number, length: number, n: number): void {
    inverseRealFft(this.runtime, out as GpuStorage, spectrum as GpuStorage, rows, length, n);
  }

  complexMultiply(
    out: Storage,
    a: Storage,
    b: Storage,
    rows: number,
    bRows: number,
    frequencies: number,
    conjugateB = false,
  ): void {
    const [to, left, right] = [out as GpuStorage, a as GpuStorage, b as GpuStorage];
    complexMultiply(this.runtime, to, left, right, rows, bRows, frequencies, conjugateB);
  }
}

/** Bytes of main memory, which is what a software adapter allocates from; Infinity where asking is not allowed. */
function systemMemory(): number {
  if (Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" }).state !== "granted") {
    return Infinity;
  }
  return Deno.systemMemoryInfo().available;
}
