/**
 * Every operation of lib/backend/backend.ts in float64, by the plainest loops: what the engines are tested against, and
 * an engine itself, so that a model can be differentiated numerically in float64.
 *
 * All storages hold float64 whatever their type says. `values(storage)` shows them without narrowing.
 */
import type {
  Activation,
  AttentionShape,
  Backend,
  MatrixOperand,
  Storage,
} from "../../lib/backend/backend.ts";
import { erf, fft, threefry2x32 } from "./special_functions.ts";

interface Values extends Storage {
  readonly data: Float64Array;
}

/** The float64 content of a storage of the reference engine, in place. */
export function values(storage: Storage): Float64Array {
  return (storage as Values).data;
}

const gaussianDensity = (x: number) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const tanhArgument = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

export const functions: Record<Activation | "exp" | "copy", (x: number) => number> = {
  none: (x) => x,
  copy: (x) => x,
  exp: Math.exp,
  relu: (x) => x < 0 ? 0 : x,
  gelu: (x) => x / 2 * (1 + erf(x * Math.SQRT1_2)),
  geluTanh: (x) => x / 2 * (1 + Math.tanh(tanhArgument(x))),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sin: Math.sin,
};

export const derivatives: Record<Activation, (x: number) => number> = {
  none: () => 1,
  relu: (x) => x > 0 ? 1 : 0,
  gelu: (x) => (1 + erf(x * Math.SQRT1_2)) / 2 + x * gaussianDensity(x),
  geluTanh: (x) => {
    const t = Math.tanh(tanhArgument(x));
    return (1 + t) / 2 + x / 2 * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  },
  silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sin: Math.cos,
};

/** @returns an engine that computes in float64, slowly. */
export function openReferenceBackend(): Backend {
  return { ...reference };
}

const reference: Backend = {
  name: "cpu",
  description: "float64 reference",
  supportsF16: false,
  memory: { current: 0, peak: 0 },

  allocate(dtype, length) {
    const data = new Float64Array(length).fill(NaN);
    return { dtype, length, data } as Values;
  },

  release() {},

  write(storage, data, offset = 0) {
    values(storage).set(data, offset);
  },

  read(storage, offset = 0, length = storage.length - offset) {
    const part = values(storage).subarray(offset, offset + length);
    return Promise.resolve(storage.dtype === "i32" ? Int32Array.from(part) : Float32Array.from(part));
  },

  fill(out, value) {
    values(out).fill(value);
  },

  copy2d(to, from, { rows, columns }) {
    const { storage: out, offset: outOffset = 0, stride: outStride = columns } = to;
    const { storage: x, offset: xOffset = 0, stride: xStride = columns } = from;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        values(out)[outOffset + r * outStride + c] = values(x)[xOffset + r * xStride + c];
      }
    }
  },

  transpose(out, x, batch, rows, columns) {
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          values(out)[(b * columns + c) * rows + r] = values(x)[(b * rows + r) * columns + c];
        }
      }
    }
  },

  flush() {},
  finish() {
    return Promise.resolve();
  },
  close() {
    return Promise.resolve();
  },

  matmul(out, a, b, options) {
    const { batch = 1, m, n, k, alpha = 1, bias, biasAxis = "column", rowScale, columnScale } = options;
    const place = (operand: MatrixOperand, rows: number, columns: number) => {
      const [storedRows, storedColumns] = operand.transposed ? [columns, rows] : [rows, columns];
      const { offset = 0, stride = storedColumns } = operand;
      const { batchStride = storedRows * stride } = operand;
      return (i: number, r: number, c: number) =>
        offset + i * batchStride + (operand.transposed ? c * stride + r : r * stride + c);
    };
    const atOut = place(out, m, n), atA = place(a, m, k), atB = place(b, k, n);
    const outData = values(out.storage), aData = values(a.storage), bData = values(b.storage);
    const activate = functions[options.activation ?? "none"];
    for (let i = 0; i < batch; i++) {
      for (let r = 0; r < m; r++) {
        for (let c = 0; c < n; c++) {
          let sum = 0;
          for (let j = 0; j < k; j++) sum += aData[atA(i, r, j)] * bData[atB(i, j, c)];
          sum *= alpha;
          if (bias) sum += values(bias)[biasAxis === "row" ? r : c];
          if (rowScale) sum *= values(rowScale)[r];
          if (columnScale) sum *= values(columnScale)[c];
          sum = activate(sum);
          const at = atOut(i, r, c);
          outData[at] = options.accumulate ? outData[at] + sum : sum;
        }
      }
    }
  },

  unary(f, out, x, n) {
    for (let i = 0; i < n; i++) values(out)[i] = functions[f](values(x)[i]);
  },

  unaryBackward(f, dx, dy, x, n, { fromOutput = false } = {}) {
    const slope = f === "tanh" && fromOutput ? (y: number) => 1 - y * y : derivatives[f];
    for (let i = 0; i < n; i++) values(dx)[i] = values(dy)[i] * slope(values(x)[i]);
  },

  binary(f, out, a, b, rows, columns, broadcast) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const at = r * columns + c;
        const x = values(a)[at];
        const y = values(b)[{ same: at, row: c, column: r, scalar: 0 }[broadcast]];
        values(out)[at] = f === "add" ? x + y : f === "subtract" ? x - y : x * y;
      }
    }
  },

  linearCombination(out, alpha, a, beta, b, n) {
    for (let i = 0; i < n; i++) values(out)[i] = alpha * values(a)[i] + (b ? beta * values(b)[i] : 0);
  },

  siluGate(out, x, rows, width) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) {
        const at = r * 2 * width + c;
        values(out)[r * width + c] = functions.silu(values(x)[at]) * values(x)[at + width];
      }
    }
  },

  siluGateBackward(dx, dy, x, rows, width) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) {
        const at = r * 2 * width + c;
        const slope = values(dy)[r * width + c], gate = values(x)[at], value = values(x)[at + width];
        values(dx)[at] = slope * value * derivatives.silu(gate);
        values(dx)[at + width] = slope * functions.silu(gate);
      }
    }
  },

  dropout(out, x, n, p, seed, stream) {
    const threshold = Math.round(p * 2 ** 32);
    for (let i = 0; i < n; i++) {
      const word = threefry2x32(seed, stream, i >>> 1, 0)[i & 1];
      values(out)[i] = word >= threshold ? values(x)[i] / (1 - p) : 0;
    }
  },

  columnSum(out, x, y, rows, columns, { accumulate = false } = {}) {
    for (let c = 0; c < columns; c++) {
      let sum = accumulate ? values(out)[c] : 0;
      for (let r = 0; r < rows; r++) sum += values(x)[r * columns + c] * (y ? values(y)[r * columns + c] : 1);
      values(out)[c] = sum;
    }
  },

  rowSum(out, x, y, rows, columns, { accumulate = false } = {}) {
    for (let r = 0; r < rows; r++) {
      let sum = accumulate ? values(out)[r] : 0;
      for (let c = 0; c < columns; c++) {
        sum += values(x)[r * columns + c] * (y ? values(y)[r * columns + c] : 1);
      }
      values(out)[r] = sum;
    }
  },

  sumSquares(out, x, n, { accumulate = false } = {}) {
    let sum = accumulate ? values(out)[0] : 0;
    for (let i = 0; i < n; i++) sum += values(x)[i] ** 2;
    values(out)[0] = sum;
  },

  flagNonFinite(out, x, n) {
    if (values(x).subarray(0, n).some((v) => !Number.isFinite(v))) values(out)[0] = 1;
  },

  clipFactor(out, sumSquares, maxNorm, inverseScale) {
    const norm = Math.sqrt(values(sumSquares)[0]) * inverseScale;
    values(out)[0] = Math.min(1, maxNorm / (norm + 1e-6)) * inverseScale;
  },

  layerNorm({ out, stats, x, gamma, beta }, { rows, columns, epsilon }) {
    for (let r = 0; r < rows; r++) {
      const row = values(x).subarray(r * columns, (r + 1) * columns);
      const mean = row.reduce((sum, v) => sum + v, 0) / columns;
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / columns;
      const inverse = 1 / Math.sqrt(variance + epsilon);
      values(stats)[r] = mean;
      values(stats)[rows + r] = inverse;
      row.forEach((v, c) => {
        values(out)[r * columns + c] = (v - mean) * inverse * (gamma ? values(gamma)[c] : 1) +
          (beta ? values(beta)[c] : 0);
      });
    }
  },

  layerNormBackward({ dx, dgamma, dbeta, dy, x, stats, gamma }, { rows, columns }) {
    if (dgamma) values(dgamma).fill(0, 0, columns);
    if (dbeta) values(dbeta).fill(0, 0, columns);
    for (let r = 0; r < rows; r++) {
      const mean = values(stats)[r], inverse = values(stats)[rows + r];
      const normalised = (c: number) => (values(x)[r * columns + c] - mean) * inverse;
      const slope = (c: number) => values(dy)[r * columns + c] * (gamma ? values(gamma)[c] : 1);
      let sum = 0, product = 0;
      for (let c = 0; c < columns; c++) {
        sum += slope(c);
        product += slope(c) * normalised(c);
        if (dgamma) values(dgamma)[c] += values(dy)[r * columns + c] * normalised(c);
        if (dbeta) values(dbeta)[c] += values(dy)[r * columns + c];
      }
      const gradient = Float64Array.from(
        { length: columns },
        (_, c) => inverse * (slope(c) - (sum + normalised(c) * product) / columns),
      );
      values(dx).set(gradient, r * columns);
    }
  },

  rotary(out, x, cos, sin, shape, { inverse = false } = {}) {
    const { batch, heads, length, headWidth } = shape, half = headWidth / 2;
    for (let row = 0; row < batch * length; row++) {
      for (let head = 0; head < heads; head++) {
        for (let i = 0; i < half; i++) {
          const at = (row * heads + head) * headWidth + i, table = row % length * half + i;
          const c = values(cos)[table], s = inverse ? -values(sin)[table] : values(sin)[table];
          const first = values(x)[at], second = values(x)[at + half];
          values(out)[at] = first * c - second * s;
          values(out)[at + half] = second * c + first * s;
        }
      }
    }
  },

  attention({ out, logSumExp, q, k, v, keyMask }, shape) {
    const { batch, heads, length, headWidth } = shape, width = heads * headWidth;
    forEachQuery(shape, q, k, keyMask, (b, h, i, scores) => {
      const largest = Math.max(...scores);
      const weights = scores.map((score) => score === -Infinity ? 0 : Math.exp(score - largest));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      if (logSumExp && b < batch) values(logSumExp)[(b * heads + h) * length + i] = largest + Math.log(sum);
      for (let c = 0; c < headWidth; c++) {
        let mean = 0;
        for (let j = 0; j < length; j++) {
          mean += weights[j] * values(v)[(b * length + j) * width + h * headWidth + c];
        }
        values(out)[(b * length + i) * width + h * headWidth + c] = sum > 0 ? mean / sum : 0;
      }
    });
  },

  attentionBackward({ dq, dk, dv, dout, out, logSumExp, q, k, v, keyMask }, shape) {
    const { batch, heads, length, headWidth, scale } = shape, width = heads * headWidth;
    for (const gradient of [dq, dk, dv]) values(gradient).fill(0, 0, batch * length * width);
    forEachQuery(shape, q, k, keyMask, (b, h, i, scores) => {
      const at = (position: number, c: number) => (b * length + position) * width + h * headWidth + c;
      let outProduct = 0;
      for (let c = 0; c < headWidth; c++) outProduct += values(dout)[at(i, c)] * values(out)[at(i, c)];
      scores.forEach((score, j) => {
        if (score === -Infinity) return;
        const weight = Math.exp(score - values(logSumExp)[(b * heads + h) * length + i]);
        let slope = -outProduct;
        for (let c = 0; c < headWidth; c++) slope += values(dout)[at(i, c)] * values(v)[at(j, c)];
        for (let c = 0; c < headWidth; c++) {
          values(dv)[at(j, c)] += weight * values(dout)[at(i, c)];
          values(dq)[at(i, c)] += scale * weight * slope * values(k)[at(j, c)];
          values(dk)[at(j, c)] += scale * weight * slope * values(q)[at(i, c)];
        }
      });
    });
  },

  maskedMean(out, x, mask, batch, length, width) {
    for (let b = 0; b < batch; b++) {
      const count = values(mask).subarray(b * length, (b + 1) * length).filter((m) => m !== 0).length;
      for (let c = 0; c < width; c++) {
        let sum = 0;
        for (let t = 0; t < length; t++) {
          if (values(mask)[b * length + t]) sum += values(x)[(b * length + t) * width + c];
        }
        values(out)[b * width + c] = count ? sum / count : 0;
      }
    }
  },

  maskedMeanBackward(dx, dy, mask, batch, length, width) {
    for (let b = 0; b < batch; b++) {
      const count = values(mask).subarray(b * length, (b + 1) * length).filter((m) => m !== 0).length;
      for (let t = 0; t < length; t++) {
        for (let c = 0; c < width; c++) {
          const kept = values(mask)[b * length + t] !== 0;
          values(dx)[(b * length + t) * width + c] = kept ? values(dy)[b * width + c] / count : 0;
        }
      }
    }
  },

  gatherRows(out, table, indices, rows, columns) {
    for (let r = 0; r < rows; r++) {
      const from = values(indices)[r] * columns;
      values(out).set(values(table).subarray(from, from + columns), r * columns);
    }
  },

  scatterAddRows(out, x, indices, rows, columns, _outRows) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        values(out)[values(indices)[r] * columns + c] += values(x)[r * columns + c];
      }
    }
  },

  gatherPairs({ out, a, ia, b, ib }, { rows, columns, activation }) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const sum = values(a)[values(ia)[r] * columns + c] + values(b)[values(ib)[r] * columns + c];
        values(out)[r * columns + c] = functions[activation](sum);
      }
    }
  },

  maskedSquaredError(out, prediction, target, n) {
    let sum = 0, count = 0;
    for (let i = 0; i < n; i++) {
      if (!Number.isFinite(values(target)[i])) continue;
      sum += (values(prediction)[i] - values(target)[i]) ** 2;
      count++;
    }
    values(out).set([sum, count]);
  },

  maskedSquaredErrorBackward(dPrediction, prediction, target, stats, n, scale) {
    const factor = scale * 2 / Math.max(1, values(stats)[1]);
    for (let i = 0; i < n; i++) {
      const t = values(target)[i];
      values(dPrediction)[i] = Number.isFinite(t) ? factor * (values(prediction)[i] - t) : 0;
    }
  },

  adam({ parameter, gradient, m, v, gradientFactor }, n, options) {
    const { learningRate, beta1, beta2, epsilon, weightDecay, decoupled, step } = options;
    for (let i = 0; i < n; i++) {
      let p = values(parameter)[i];
      let g = values(gradient)[i] * (gradientFactor ? values(gradientFactor)[0] : 1);
      if (decoupled) p *= 1 - learningRate * weightDecay;
      else g += weightDecay * p;
      const first = beta1 * values(m)[i] + (1 - beta1) * g;
      const second = beta2 * values(v)[i] + (1 - beta2) * g * g;
      values(m)[i] = first;
      values(v)[i] = second;
      const size = Math.sqrt(second / (1 - beta2 ** step)) + epsilon;
      values(parameter)[i] = p - learningRate * first / (1 - beta1 ** step) / size;
    }
  },

  causalConvolution({ out, x, weight, bias }, { rows, channels, length, taps }) {
    for (let r = 0; r < rows; r++) {
      const c = r % channels;
      for (let t = 0; t < length; t++) {
        let sum = bias ? values(bias)[c] : 0;
        for (let j = Math.max(0, taps - 1 - t); j < taps; j++) {
          sum += values(weight)[c * taps + j] * values(x)[r * length + t - taps + 1 + j];
        }
        values(out)[r * length + t] = sum;
      }
    }
  },

  causalConvolutionBackward({ dx, dweight, dbias, dy, x, weight }, { rows, channels, length, taps }) {
    if (dx) values(dx).fill(0, 0, rows * length);
    if (dweight) values(dweight).fill(0, 0, channels * taps);
    if (dbias) values(dbias).fill(0, 0, channels);
    for (let r = 0; r < rows; r++) {
      const c = r % channels;
      for (let t = 0; t < length; t++) {
        const slope = values(dy)[r * length + t];
        if (dbias) values(dbias)[c] += slope;
        for (let j = Math.max(0, taps - 1 - t); j < taps; j++) {
          const at = r * length + t - taps + 1 + j;
          if (dx) values(dx)[at] += slope * values(weight)[c * taps + j];
          if (dweight) values(dweight)[c * taps + j] += slope * values(x)[at];
        }
      }
    }
  },

  realFft(out, x, rows, length, n) {
    for (let r = 0; r < rows; r++) {
      const re = new Float64Array(n), im = new Float64Array(n);
      re.set(values(x).subarray(r * length, (r + 1) * length));
      fft(re, im, -1);
      for (let f = 0; f <= n / 2; f++) values(out).set([re[f], im[f]], (r * (n / 2 + 1) + f) * 2);
    }
  },

  inverseRealFft(out, spectrum, rows, length, n) {
    for (let r = 0; r < rows; r++) {
      const re = new Float64Array(n), im = new Float64Array(n);
      for (let f = 0; f < n; f++) {
        const at = (r * (n / 2 + 1) + Math.min(f, n - f)) * 2;
        re[f] = values(spectrum)[at] / n;
        if (f % (n / 2) !== 0) im[f] = (f < n / 2 ? 1 : -1) * values(spectrum)[at + 1] / n;
      }
      fft(re, im, 1);
      values(out).set(re.subarray(0, length), r * length);
    }
  },

  complexMultiply({ out, a, b }, { rows, bRows, frequencies, conjugateB = false }) {
    for (let r = 0; r < rows; r++) {
      for (let f = 0; f < frequencies; f++) {
        const i = (r * frequencies + f) * 2, j = (r % bRows * frequencies + f) * 2;
        const re = values(a)[i], im = values(a)[i + 1];
        const bRe = values(b)[j], bIm = conjugateB ? -values(b)[j + 1] : values(b)[j + 1];
        values(out).set([re * bRe - im * bIm, re * bIm + im * bRe], i);
      }
    }
  },

  profile() {
    return Promise.resolve(new Map());
  },
};

/** Calls back with the scaled scores of one query against every key, -Infinity where the key is hidden. */
function forEachQuery(
  { batch, heads, length, headWidth, scale }: AttentionShape,
  q: Storage,
  k: Storage,
  keyMask: Storage | null,
  visit: (batch: number, head: number, query: number, scores: Float64Array) => void,
): void {
  const width = heads * headWidth;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < length; i++) {
        const scores = Float64Array.from({ length }, (_, j) => {
          if (keyMask && values(keyMask)[b * length + j] === 0) return -Infinity;
          let sum = 0;
          for (let c = 0; c < headWidth; c++) {
            sum += values(q)[(b * length + i) * width + h * headWidth + c] *
              values(k)[(b * length + j) * width + h * headWidth + c];
          }
          return scale * sum;
        });
        visit(b, h, i, scores);
      }
    }
  }
}
