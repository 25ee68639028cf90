/**
 * What runs the operations of lib/tensor: one interface, implemented by `cpu/` (WebAssembly over worker threads) and
 * by `webgpu/` (WGSL kernels).
 *
 * Every operation is enqueued in call order and returns at once; only `read` and `finish` wait. Storages are flat,
 * row-major and without strides; shapes travel with the call. Unless a method says otherwise
 * - `out` is overwritten whole, whatever it held before (it may be poisoned with NaN);
 * - `out` may be the same storage as an input only for element-wise operations;
 * - sizes of zero are allowed and do nothing (a matmul with k = 0 gives the epilogue of zeros);
 * - f32 arithmetic and accumulation; "f16" storages (where `supportsF16`) are widened on load and narrowed on store.
 * A caller that breaks a shape contract is a bug: implementations throw RangeError with the operation's name and sizes.
 */

import type {
  Accumulation,
  Activation,
  AdamOperands,
  AdamOptions,
  AttentionGradientOperands,
  AttentionOperands,
  AttentionShape,
  Broadcast,
  ConvolutionGradientOperands,
  ConvolutionOperands,
  ConvolutionShape,
  CopyOperand,
  DType,
  GatherPairsOperands,
  LayerNormGradientOperands,
  LayerNormOperands,
  MatmulOptions,
  MatrixOperand,
  Storage,
} from "./operands.ts";

export type * from "./operands.ts";

/** Device memory in bytes, for the whole life of the backend. */
export interface MemoryAccount {
  readonly current: number;
  readonly peak: number;
}

/** @internal */
export interface Backend {
  readonly name: "cpu" | "webgpu";
  /** Which device, for the log line and summary.json: "CPU, 2 threads, relaxed SIMD" or the adapter's name. */
  readonly description: string;
  /** The BLAS library that multiplies matrices, with its version and threads; its sums differ from ours in the last bits. */
  readonly blas?: string | null;
  readonly supportsF16: boolean;
  readonly memory: MemoryAccount;

  // Memory ------------------------------------------------------------------------------------------------------
  /** New storage with undefined content. @throws {DataError} when the device has no more memory (says what to do). */
  allocate(dtype: DType, length: number): Storage;
  /** Give a storage back to the pool. Operations enqueued earlier still see it. Releasing twice is an error. */
  release(storage: Storage): void;
  /** Copy `data` to the storage from `offset` on. f16 storages take Float32Array and narrow it. `data` may be reused on return. */
  write(storage: Storage, data: Float32Array | Int32Array, offset?: number): void;
  /** Copy elements back. f16 comes widened. The result is the caller's own. */
  read(storage: Storage, offset?: number, length?: number): Promise<Float32Array | Int32Array>;
  fill(out: Storage, value: number): void;
  /** Copy rows x columns between (parts of) storages of equal or different float type (this is also the cast). */
  copy2d(to: CopyOperand, from: CopyOperand, shape: { rows: number; columns: number }): void;
  /** out (batch, columns, rows) = the transposes of x (batch, rows, columns). */
  transpose(out: Storage, x: Storage, batch: number, rows: number, columns: number): void;
  /** Start what is enqueued; does not wait. */
  flush(): void;
  /** Wait until everything enqueued has run. @throws {DataError} what went wrong on the device since the last wait */
  finish(): Promise<void>;
  /** End workers, destroy the device. */
  close(): Promise<void>;

  // Products ----------------------------------------------------------------------------------------------------
  matmul(out: MatrixOperand, a: MatrixOperand, b: MatrixOperand, options: MatmulOptions): void;

  // Element-wise --------------------------------------------------------------------------------------------------
  /** out = f(x), n elements. */
  unary(f: Activation | "exp" | "copy", out: Storage, x: Storage, n: number): void;
  /** dx = dy f'(x). `x` is the input of f (for "relu" and "tanh" pass the output `y` with fromOutput). */
  unaryBackward(
    f: Activation,
    dx: Storage,
    dy: Storage,
    x: Storage,
    n: number,
    options?: { fromOutput?: boolean },
  ): void;
  /** out = a f b over rows x columns; b is full ("same"), one value a column ("row"), one a row ("column"), or one ("scalar"). */
  binary(
    f: "add" | "subtract" | "multiply",
    out: Storage,
    a: Storage,
    b: Storage,
    rows: number,
    columns: number,
    broadcast: Broadcast,
  ): void;
  /** out = alpha a + beta b (b may be absent: out = alpha a). */
  linearCombination(
    out: Storage,
    alpha: number,
    a: Storage,
    beta: number,
    b: Storage | null,
    n: number,
  ): void;
  /** x rows x 2 width; out rows x width = silu(x[:, :width]) * x[:, width:]. */
  siluGate(out: Storage, x: Storage, rows: number, width: number): void;
  siluGateBackward(dx: Storage, dy: Storage, x: Storage, rows: number, width: number): void;
  /**
   * out[i] = keep(i) ? x[i] / (1 - p) : 0, keep(i) = word(i) >= round(p 2^32), where word(i) is output word i & 1 of
   * Threefry-2x32-20 (Salmon et al. 2011) with key (seed, stream) and counter (i >>> 1, 0). The same bits on every
   * engine; its gradient is the same call on dy. All of seed, stream are u32; p in [0, 1).
   */
  dropout(out: Storage, x: Storage, n: number, p: number, seed: number, stream: number): void;

  // Reductions ----------------------------------------------------------------------------------------------------
  /** out[columns] = sum over rows of x (times y, where given). */
  columnSum(
    out: Storage,
    x: Storage,
    y: Storage | null,
    rows: number,
    columns: number,
    options?: Accumulation,
  ): void;
  /** out[rows] = sum over columns of x (times y, where given). */
  rowSum(
    out: Storage,
    x: Storage,
    y: Storage | null,
    rows: number,
    columns: number,
    options?: Accumulation,
  ): void;
  /** out[0] (f32) = sum of x^2 (for gradient norms), added to it when `accumulate`. */
  sumSquares(out: Storage, x: Storage, n: number, options?: Accumulation): void;
  /** out[0] (f32) becomes 1 where x holds any NaN or infinity, else is left as it is. */
  flagNonFinite(out: Storage, x: Storage, n: number): void;
  /** out[0] = min(1, maxNorm / (sqrt(sumSquares[0]) * inverseScale + 1e-6)) * inverseScale: PyTorch's clip_grad_norm_ and unscaling in one factor. */
  clipFactor(out: Storage, sumSquares: Storage, maxNorm: number, inverseScale: number): void;

  // Layers --------------------------------------------------------------------------------------------------------
  /** Normalise each row (biased variance), then * gamma + beta. */
  layerNorm(operands: LayerNormOperands, options: { rows: number; columns: number; epsilon: number }): void;
  layerNormBackward(operands: LayerNormGradientOperands, shape: { rows: number; columns: number }): void;
  /**
   * Rotary positions on (batch, length, heads x headWidth): [t1, t2] -> [t1 cos - t2 sin, t2 cos + t1 sin], t1/t2 the
   * halves of a head, cos/sin tables (length x headWidth/2) made on the host in float64. `inverse` turns back (the gradient). In place allowed.
   */
  rotary(
    out: Storage,
    x: Storage,
    cos: Storage,
    sin: Storage,
    shape: AttentionShape,
    options?: { inverse?: boolean },
  ): void;
  /**
   * out = softmax(scale q k' + mask) v with a streaming softmax: memory linear in length. A row whose keys are all
   * hidden gives zeros.
   */
  attention(operands: AttentionOperands, shape: AttentionShape): void;
  /** Recomputes the probabilities block by block from q, k and logSumExp. */
  attentionBackward(operands: AttentionGradientOperands, shape: AttentionShape): void;
  /** out (batch, width) = mean of x (batch, length, width) over positions with mask 1; zeros where none. */
  maskedMean(out: Storage, x: Storage, mask: Storage, batch: number, length: number, width: number): void;
  maskedMeanBackward(
    dx: Storage,
    dy: Storage,
    mask: Storage,
    batch: number,
    length: number,
    width: number,
  ): void;

  // Rows by index -------------------------------------------------------------------------------------------------
  /** out[r] = table[indices[r]]; embedding lookup and row gather. Indices are in range (checked by the caller). */
  gatherRows(out: Storage, table: Storage, indices: Storage, rows: number, columns: number): void;
  /** out[indices[r]] += x[r]: the gradient of gatherRows; `out` (outRows x columns) is kept and added to. Deterministic. */
  scatterAddRows(
    out: Storage,
    x: Storage,
    indices: Storage,
    rows: number,
    columns: number,
    outRows: number,
  ): void;
  /** out[r] = activation(a[ia[r]] + b[ib[r]]): first layer of an MLP on pairs, projected once a row instead of once a pair. */
  gatherPairs(
    operands: GatherPairsOperands,
    options: { rows: number; columns: number; activation: "none" | "relu" },
  ): void;

  // Losses and updates --------------------------------------------------------------------------------------------
  /**
   * Squared error over cells where the target is finite. out (2 f32) = [sum of (p - t)^2, number of cells]. The mean is out[0] / out[1].
   * A NaN prediction makes the sum NaN (it is not skipped).
   */
  maskedSquaredError(out: Storage, prediction: Storage, target: Storage, n: number): void;
  /** dPrediction = scale 2 (p - t) / max(1, stats[1]) where the target is finite, else 0. `stats` as maskedSquaredError wrote it. */
  maskedSquaredErrorBackward(
    dPrediction: Storage,
    prediction: Storage,
    target: Storage,
    stats: Storage,
    n: number,
    scale: number,
  ): void;
  /** One step for one parameter of n elements, moments m and v updated in place. */
  adam(operands: AdamOperands, n: number, options: AdamOptions): void;

  // Convolutions (channel-first: rows = batch x channels) -----------------------------------------------------------
  /** Depthwise causal convolution: out[r, t] = bias[c] + sum_j weight[c, j] x[r, t - taps + 1 + j], c = r mod channels; zeros before the start. */
  causalConvolution(operands: ConvolutionOperands, shape: ConvolutionShape): void;
  causalConvolutionBackward(operands: ConvolutionGradientOperands, shape: ConvolutionShape): void;
  /**
   * Real FFT of each row of x (rows x length, taken as zero beyond `length`), n a power of two up to 2^21, n >= length:
   * out (rows x (n/2 + 1) x 2) holds re, im interleaved for frequencies 0..n/2.
   */
  realFft(out: Storage, x: Storage, rows: number, length: number, n: number): void;
  /** The inverse, scaled by 1/n: first `length` samples of each row. `spectrum` may be overwritten. */
  inverseRealFft(out: Storage, spectrum: Storage, rows: number, length: number, n: number): void;
  /** out[r, f] = a[r, f] b[r mod bRows, f] over `frequencies` complex numbers a row; b conjugated where asked (the gradient). In place allowed on a. */
  complexMultiply(
    operands: { out: Storage; a: Storage; b: Storage },
    options: { rows: number; bRows: number; frequencies: number; conjugateB?: boolean },
  ): void;

  // Measuring -----------------------------------------------------------------------------------------------------
  /** Milliseconds and calls for each kernel family since the start; empty unless profiling was asked for. */
  profile(): Promise<Map<string, { calls: number; ms: number }>>;
}
