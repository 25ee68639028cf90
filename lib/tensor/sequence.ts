/** Operations of sequence models: layer norm, rotary positions, attention, pooling, convolutions. */
import type { AttentionShape } from "../backend/backend.ts";
import { record } from "./tape.ts";
import { fromArray, Tensor } from "./tensor.ts";

/**
 * Each row (last axis) to mean 0 and variance 1 (biased), then times gamma plus beta.
 *
 * @param gamma, beta as long as a row; null for 1 and 0
 */
export function layerNorm(x: Tensor, gamma: Tensor | null, beta: Tensor | null, epsilon: number): Tensor {
  const { backend, rows, columns } = x;
  const out = Tensor.empty(backend, x.shape, x.dtype);
  const stats = Tensor.empty(backend, [2, rows]);
  const operands = { x: x.storage, stats: stats.storage, gamma: gamma?.storage ?? null };
  backend.layerNorm({ ...operands, out: out.storage, beta: beta?.storage ?? null }, {
    rows,
    columns,
    epsilon,
  });
  return record(out, [x, gamma, beta], (needs) => ({
    saves: [x, stats, gamma ?? false],
    backward: (dy) => {
      const dx = Tensor.empty(backend, x.shape, x.dtype);
      const dGamma = needs[1] && gamma ? Tensor.empty(backend, gamma.shape, gamma.dtype) : null;
      const dBeta = needs[2] && beta ? Tensor.empty(backend, beta.shape, beta.dtype) : null;
      backend.layerNormBackward({
        ...operands,
        dx: dx.storage,
        dgamma: dGamma?.storage ?? null,
        dbeta: dBeta?.storage ?? null,
        dy: dy.storage,
      }, { rows, columns });
      return [needs[0] ? dx : null, dGamma, dBeta];
    },
  }));
}

/** cos and sin of position x inverseFrequency, each length x (headWidth / 2); made in float64. */
export interface RotaryTables {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Tables for positions 0 .. length - 1. @param inverseFrequencies headWidth / 2 of them, as the model stores them */
export function rotaryTables(
  backend: Tensor["backend"],
  inverseFrequencies: ArrayLike<number>,
  length: number,
): RotaryTables {
  const half = inverseFrequencies.length;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let i = 0; i < cos.length; i++) {
    const angle = Math.floor(i / half) * inverseFrequencies[i % half];
    cos[i] = Math.cos(angle);
    sin[i] = Math.sin(angle);
  }
  return { cos: fromArray(backend, cos, [length, half]), sin: fromArray(backend, sin, [length, half]) };
}

/** Turn the halves of every head by its position's angles. @param x (batch, length, heads x headWidth) */
export function rotary(x: Tensor, tables: RotaryTables, heads: number): Tensor {
  const shape = attentionShape(x, heads, 1);
  const turned = (of: Tensor, options: { inverse: boolean }) => {
    const out = Tensor.empty(x.backend, x.shape, x.dtype);
    x.backend.rotary(out.storage, of.storage, tables.cos.storage, tables.sin.storage, shape, options);
    return out;
  };
  return record(turned(x, { inverse: false }), [x], () => ({
    saves: [tables.cos, tables.sin],
    backward: (dy) => [turned(dy, { inverse: true })],
  }));
}

/**
 * Multi-head softmax(scale q k') v, in memory linear in length.
 *
 * @param q, k, v (batch, length, heads x headWidth), heads contiguous within a row
 * @param options.keyMask batch x length i32, 0 hides a key
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { heads: number; scale: number; keyMask?: Tensor | null },
): Tensor {
  const { backend } = q;
  const shape = attentionShape(q, options.heads, options.scale);
  const keyMask = options.keyMask ?? null;
  const out = Tensor.empty(backend, q.shape, q.dtype);
  const tracked = q.tracked || k.tracked || v.tracked;
  const logSumExp = tracked ? Tensor.empty(backend, [shape.batch, shape.heads, shape.length]) : null;
  const operands = {
    out: out.storage,
    q: q.storage,
    k: k.storage,
    v: v.storage,
    keyMask: keyMask?.storage ?? null,
  };
  backend.attention({ ...operands, logSumExp: logSumExp?.storage ?? null }, shape);
  return record(out, [q, k, v], (needs) => ({
    saves: [q, k, v, out, logSumExp!, keyMask ?? false],
    backward: (dy) => {
      const [dq, dk, dv] = [q, k, v].map((x) => Tensor.empty(backend, x.shape, x.dtype));
      backend.attentionBackward({
        ...operands,
        logSumExp: logSumExp!.storage,
        dq: dq.storage,
        dk: dk.storage,
        dv: dv.storage,
        dout: dy.storage,
      }, shape);
      return [dq, dk, dv].map((d, i) => needs[i] ? d : null);
    },
  }));
}

function attentionShape(x: Tensor, heads: number, scale: number): AttentionShape {
  const [batch, length, width] = x.shape;
  if (x.shape.length !== 3 || width % heads !== 0) {
    throw new RangeError(
      `Cannot split [${x.shape}] into ${heads} heads: (batch, length, heads x width) is needed`,
    );
  }
  return { batch, heads, length, headWidth: width / heads, scale };
}

/** Mean over the positions with mask 1. @param x (batch, length, width) @param mask batch x length i32 @returns batch x width */
export function maskedMean(x: Tensor, mask: Tensor): Tensor {
  const { backend } = x;
  const [batch, length, width] = x.shape;
  const out = Tensor.empty(backend, [batch, width], x.dtype);
  backend.maskedMean(out.storage, x.storage, mask.storage, batch, length, width);
  return record(out, [x], () => ({
    saves: [mask],
    backward: (dy) => {
      const dx = Tensor.empty(backend, x.shape, x.dtype);
      backend.maskedMeanBackward(dx.storage, dy.storage, mask.storage, batch, length, width);
      return [dx];
    },
  }));
}

/**
 * A short filter of its own for every channel, looking back only; zeros before the start.
 *
 * @param x (batch, channels, length)
 * @param weight channels x taps, the last tap for the present
 * @param bias channels
 */
export function causalConvolution(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const { backend } = x;
  const [batch, channels, length] = x.shape;
  const taps = weight.columns;
  const shape = { rows: batch * channels, channels, length, taps };
  const out = Tensor.empty(backend, x.shape, x.dtype);
  const operands = { x: x.storage, weight: weight.storage };
  backend.causalConvolution({ ...operands, out: out.storage, bias: bias?.storage ?? null }, shape);
  return record(out, [x, weight, bias], (needs) => ({
    saves: [x, weight],
    backward: (dy) => {
      const gradients = [x, weight, bias].map((input, i) =>
        needs[i] && input ? Tensor.empty(backend, input.shape, input.dtype) : null
      );
      const [dx, dweight, dbias] = gradients.map((gradient) => gradient?.storage ?? null);
      backend.causalConvolutionBackward({ ...operands, dx, dweight, dbias, dy: dy.storage }, shape);
      return gradients;
    },
  }));
}

/**
 * Spectra of filters as `fftConvolution` takes them: made once for a length, used for every input.
 *
 * @param filters channels x length
 * @param n transform length: a power of two, at least twice the length of the inputs less 1
 * @returns (channels, n / 2 + 1, 2)
 */
export function filterSpectrum(filters: Tensor, n: number): Tensor {
  const [channels, length] = filters.shape;
  const out = Tensor.empty(filters.backend, [channels, n / 2 + 1, 2]);
  filters.backend.realFft(out.storage, filters.storage, channels, length, n);
  return out;
}

/**
 * Causal convolution of every channel with a filter as long as the input, by FFT. The filters get no gradient.
 *
 * @param x (batch, channels, length)
 * @param spectrum of the channels' filters, by `filterSpectrum`
 */
export function fftConvolution(x: Tensor, spectrum: Tensor): Tensor {
  const { backend } = x;
  const [batch, channels, length] = x.shape;
  const rows = batch * channels;
  const frequencies = spectrum.shape[1];
  const n = 2 * (frequencies - 1);
  if (spectrum.shape[0] !== channels || n < 2 * length - 1) {
    throw new RangeError(`Cannot convolve [${x.shape}] with filters of spectrum [${spectrum.shape}]`);
  }
  const convolved = (of: Tensor, options: { conjugateB: boolean }) => {
    const out = Tensor.empty(backend, of.shape, of.dtype);
    const transformed = Tensor.empty(backend, [rows, frequencies, 2]);
    backend.realFft(transformed.storage, of.storage, rows, length, n);
    backend.complexMultiply({ out: transformed.storage, a: transformed.storage, b: spectrum.storage }, {
      rows,
      bRows: channels,
      frequencies,
      ...options,
    });
    backend.inverseRealFft(out.storage, transformed.storage, rows, length, n);
    transformed.dispose();
    return out;
  };
  return record(convolved(x, { conjugateB: false }), [x], () => ({
    saves: [spectrum],
    backward: (dy) => [convolved(dy, { conjugateB: true })],
  }));
}
