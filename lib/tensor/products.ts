/** Matrix products: `matmul` for any two tensors, `linear` for a layer's weights. */
import type { Activation, MatrixOperand } from "../backend/backend.ts";
import { activate } from "./elementwise.ts";
import { isRecording, record } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** Variants of `matmul`. */
export interface MatmulFlags {
  /** Use the transposes of a's matrices. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Multiplies the product. */
  readonly alpha?: number;
}

/**
 * op(A) op(B), over the leading axes where there are any: both have the same, or one is a single matrix for all.
 *
 * @param a (..., m, k), or (..., k, m) with transposeA
 * @param b (..., k, n), or (..., n, k) with transposeB
 * @returns (..., m, n)
 */
export function matmul(a: Tensor, b: Tensor, flags: MatmulFlags = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = flags;
  const [m, k] = lastTwo(a, transposeA);
  const [kOfB, n] = lastTwo(b, transposeB);
  const leading = a.shape.length >= b.shape.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
  const batch = leading.reduce((product, size) => product * size, 1);
  if (k !== kOfB || !fits(a, m * k, batch) || !fits(b, k * n, batch)) {
    throw new RangeError(
      `Cannot multiply [${a.shape}]${transposeA ? "'" : ""} by [${b.shape}]${transposeB ? "'" : ""}`,
    );
  }
  const out = Tensor.empty(a.backend, [...leading, m, n], a.dtype);
  const left = factor(a, transposeA), right = factor(b, transposeB);
  product(out, left, right, { batch, m, n, k, alpha });

  return record(out, [a, b], (needs) => ({
    saves: [needs[0] && b, needs[1] && a],
    backward: (dy) => [
      // op(A)' gets op(B) dY', or its transpose
      needs[0]
        ? (transposeA
          ? gradient(a, right, turned(factor(dy)), { batch, m: k, n: m, k: n, alpha })
          : gradient(a, factor(dy), turned(right), { batch, m, n: k, k: n, alpha }))
        : null,
      needs[1]
        ? (transposeB
          ? gradient(b, turned(factor(dy)), left, { batch, m: n, n: k, k: m, alpha })
          : gradient(b, turned(left), factor(dy), { batch, m: k, n, k: m, alpha }))
        : null,
    ],
  }));
}

/** Which elements a call of dropout zeroes: each with probability `p`, told by seed and stream (u32) alone. */
export interface DropoutMask {
  readonly p: number;
  readonly seed: number;
  readonly stream: number;
}

/** What `linear` does to its result. */
export interface LinearOptions {
  /** Applied to the result, in the same pass where the gradient allows. */
  readonly activation?: Activation;
  /** Behind a relu only: dropout in place. Its gradient needs no mask, an element that is left shows by being above 0. */
  readonly dropout?: DropoutMask | null;
}

/**
 * A layer's product, activation(x W' + b).
 *
 * @param x (..., inputs)
 * @param weight outputs x inputs, as PyTorch stores it
 * @param bias outputs
 * @returns (..., outputs)
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null, options: LinearOptions = {}): Tensor {
  const { activation = "none", dropout = null } = options;
  const [outputs, inputs] = weight.shape;
  if (dropout && activation !== "relu") throw new RangeError("Dropout within linear() goes with relu alone");
  if (weight.shape.length !== 2 || x.columns !== inputs || (bias && bias.size !== outputs)) {
    throw new RangeError(
      `Cannot apply weights of [${weight.shape}] and bias of [${bias?.shape}] to [${x.shape}]`,
    );
  }
  // These derivatives follow from the output, which the next layer keeps anyway; the others need the input.
  const fromOutput = activation === "none" || activation === "relu" || activation === "tanh";
  if (!fromOutput && isRecording(x, weight, bias)) {
    return activate(activation, linear(x, weight, bias));
  }
  const { backend, rows } = x;
  const out = Tensor.empty(backend, [...x.shape.slice(0, -1), outputs], x.dtype);
  backend.matmul(
    { storage: out.storage },
    { storage: x.storage },
    { storage: weight.storage, transposed: true },
    { m: rows, n: outputs, k: inputs, bias: bias?.storage, activation },
  );
  if (dropout) {
    backend.dropout(out.storage, out.storage, out.size, dropout.p, dropout.seed, dropout.stream);
  }
  const alpha = dropout ? 1 / (1 - dropout.p) : 1;
  return record(out, [x, weight, bias], (needs) => ({
    saves: [activation !== "none" && out, needs[0] && weight, needs[1] && x],
    backward: (dy) => {
      const dz = activation === "none" ? dy : Tensor.empty(backend, out.shape, out.dtype);
      if (activation !== "none") {
        backend.unaryBackward(activation, dz.storage, dy.storage, out.storage, out.size, {
          fromOutput: true,
        });
      }
      const dx = needs[0] ? Tensor.empty(backend, x.shape, x.dtype) : null;
      if (dx) product(dx, factor(dz), factor(weight), { m: rows, n: inputs, k: outputs, alpha });
      const dWeight = needs[1] ? Tensor.empty(backend, weight.shape, weight.dtype) : null;
      if (dWeight) product(dWeight, turned(factor(dz)), factor(x), { m: outputs, n: inputs, k: rows, alpha });
      const dBias = needs[2] && bias ? Tensor.empty(backend, bias.shape, bias.dtype) : null;
      if (dBias) {
        backend.columnSum(dBias.storage, dz.storage, null, rows, outputs);
        if (alpha !== 1) backend.linearCombination(dBias.storage, alpha, dBias.storage, 0, null, outputs);
      }
      return [dx, dWeight, dBias];
    },
  }));
}

/** A factor of a product: the matrices of a tensor, or their transposes. */
interface Factor {
  readonly tensor: Tensor;
  readonly transposed: boolean;
}

function factor(tensor: Tensor, transposed = false): Factor {
  return { tensor, transposed };
}

function turned({ tensor, transposed }: Factor): Factor {
  return { tensor, transposed: !transposed };
}

interface ProductSize {
  readonly batch?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
}

/** out = alpha a b for contiguous matrices; a factor with fewer matrices than the batch is shared. */
function product(out: Tensor, a: Factor, b: Factor, size: ProductSize): void {
  const { m, n, k } = size;
  const operand = ({ tensor, transposed }: Factor, elements: number): MatrixOperand => ({
    storage: tensor.storage,
    transposed,
    batchStride: tensor.size === elements ? 0 : elements,
  });
  out.backend.matmul({ storage: out.storage }, operand(a, m * k), operand(b, k * n), size);
}

/** The gradient `alpha a b` of `of`; summed over the batch where `of` is one matrix for all. */
function gradient(of: Tensor, a: Factor, b: Factor, size: Required<ProductSize>): Tensor {
  const out = Tensor.empty(of.backend, of.shape, of.dtype);
  const { batch, m, n, k, alpha } = size;
  if (of.size === m * n * batch) {
    product(out, a, b, size);
    return out;
  }
  const operand = ({ tensor, transposed }: Factor, elements: number, i: number): MatrixOperand => ({
    storage: tensor.storage,
    offset: tensor.size === elements ? 0 : i * elements,
    transposed,
  });
  for (let i = 0; i < batch; i++) {
    const options = { m, n, k, alpha, accumulate: i > 0 };
    out.backend.matmul({ storage: out.storage }, operand(a, m * k, i), operand(b, k * n, i), options);
  }
  return out;
}

function lastTwo(x: Tensor, transposed: boolean): [number, number] {
  const [rows, columns] = x.shape.slice(-2);
  if (x.shape.length < 2) throw new RangeError(`Cannot multiply [${x.shape}]: a matrix has two axes`);
  return transposed ? [columns, rows] : [rows, columns];
}

function fits(x: Tensor, elements: number, batch: number): boolean {
  return x.size === elements * batch || x.shape.length === 2;
}
