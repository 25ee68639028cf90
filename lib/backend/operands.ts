/** What the operations of an engine take beside plain numbers: storages, their roles, sizes and options. */

/** Element types of a storage: f16 only where the device has it; i32 for token ids, row indices and masks. */
export type DType = "f32" | "f16" | "i32";

/** A block of device memory. Owned by whoever allocated it, until `release`. */
export interface Storage {
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;
}

/** Applied last in a matmul's epilogue, and as unary operations. `gelu` is the exact (erf) form, `geluTanh` its tanh approximation. */
export type Activation = "none" | "relu" | "gelu" | "geluTanh" | "silu" | "tanh" | "sin";

/** A matrix (or a batch of them) inside a storage. `stride` is the distance between rows, in elements. */
export interface MatrixOperand {
  readonly storage: Storage;
  /** First element; default 0. */
  readonly offset?: number;
  /** Elements from one row to the next; default the number of columns as stored. */
  readonly stride?: number;
  /** Elements from one matrix of the batch to the next; default rows x stride, 0 to share one matrix. */
  readonly batchStride?: number;
  /** Stored as its transpose: op(A) = A'. */
  readonly transposed?: boolean;
}

/** A part of a storage that is copied, as `MatrixOperand` names it. */
export type CopyOperand = Pick<MatrixOperand, "storage" | "offset" | "stride">;

/** out = activation((alpha op(A) op(B) + bias) * rowScale * columnScale) [+ out]. */
export interface MatmulOptions extends Accumulation {
  readonly batch?: number;
  /** Rows of out. */
  readonly m: number;
  /** Columns of out. */
  readonly n: number;
  /** Inner dimension. */
  readonly k: number;
  readonly alpha?: number;
  /** Added before scale and activation. Length n ("column" axis: one value a column of out) or m ("row"). f32 or the type of out. */
  readonly bias?: Storage;
  readonly biasAxis?: "column" | "row";
  /** Length m, multiplies each row after the bias. */
  readonly rowScale?: Storage;
  /** Length n, multiplies each column after the bias. */
  readonly columnScale?: Storage;
  readonly activation?: Activation;
}

/** How the second operand of `binary` repeats over the first, seen as rows x columns. */
export type Broadcast = "same" | "row" | "column" | "scalar";

/** Sizes of multi-head attention. Tensors are (batch, length, heads x headWidth), heads contiguous within a row. */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headWidth: number;
  /** Multiplies q k' before the softmax. */
  readonly scale: number;
}

export interface AttentionOperands {
  readonly out: Storage;
  /** batch x heads x length f32, kept for the gradient; null when none is wanted. */
  readonly logSumExp: Storage | null;
  readonly q: Storage;
  readonly k: Storage;
  readonly v: Storage;
  /** batch x length i32, 0 = hidden. */
  readonly keyMask: Storage | null;
}

export interface AttentionGradientOperands extends AttentionOperands {
  readonly dq: Storage;
  readonly dk: Storage;
  readonly dv: Storage;
  readonly dout: Storage;
  readonly logSumExp: Storage;
}

/** Tensors are rows x columns, gamma and beta columns long. */
export interface LayerNormOperands {
  readonly out: Storage;
  /** 2 x rows f32: receives mean, then 1 / sqrt(variance + epsilon). */
  readonly stats: Storage;
  readonly x: Storage;
  readonly gamma: Storage | null;
  readonly beta: Storage | null;
}

export interface LayerNormGradientOperands {
  readonly dx: Storage;
  /** Null where frozen. */
  readonly dgamma: Storage | null;
  readonly dbeta: Storage | null;
  readonly dy: Storage;
  readonly x: Storage;
  /** As `layerNorm` wrote it. */
  readonly stats: Storage;
  readonly gamma: Storage | null;
}

/** Row r of out is made of row ia[r] of `a` and row ib[r] of `b`. */
export interface GatherPairsOperands {
  readonly out: Storage;
  readonly a: Storage;
  readonly ia: Storage;
  readonly b: Storage;
  readonly ib: Storage;
}

/** Sizes of a causal convolution. Tensors are rows x length, weights channels x taps, biases channels long. */
export interface ConvolutionShape {
  /** batch x channels. */
  readonly rows: number;
  readonly channels: number;
  readonly length: number;
  readonly taps: number;
}

export interface ConvolutionOperands {
  readonly out: Storage;
  readonly x: Storage;
  readonly weight: Storage;
  readonly bias: Storage | null;
}

/** A gradient that is null is not computed. */
export interface ConvolutionGradientOperands {
  readonly dx: Storage | null;
  readonly dweight: Storage | null;
  readonly dbias: Storage | null;
  readonly dy: Storage;
  readonly x: Storage;
  readonly weight: Storage;
}

/** Add the result to what `out` holds instead of overwriting it. */
export interface Accumulation {
  readonly accumulate?: boolean;
}

export interface AdamOperands {
  readonly parameter: Storage;
  readonly gradient: Storage;
  /** First and second moments. */
  readonly m: Storage;
  readonly v: Storage;
  /** 1 f32 on the device, multiplies the gradient first. */
  readonly gradientFactor?: Storage;
}

/** Update rule of Adam (`decoupled: false`, L2 weight decay added to the gradient) and AdamW (`decoupled: true`), as in PyTorch. */
export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
  /** Number of this step, from 1; for the bias corrections. */
  readonly step: number;
}
