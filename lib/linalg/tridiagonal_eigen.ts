/** Eigenvalues of a symmetric tridiagonal matrix by implicit QL, eigenvectors by inverse iteration. */
import type { Matrix } from "./matrix.ts";

/**
 * All eigenvalues, smallest first.
 *
 * @param offDiagonal one element less than `diagonal`
 * @throws {RangeError} when 60 sweeps do not separate one
 */
export function tridiagonalEigenvalues(diagonal: Float64Array, offDiagonal: Float64Array): Float64Array {
  const n = diagonal.length, d = diagonal.slice(), e = new Float64Array(n);
  e.set(offDiagonal);
  for (let low = 0; low < n; low++) {
    for (let sweep = 0;; sweep++) {
      let end = low;
      while (end < n - 1 && Math.abs(e[end]) > Number.EPSILON * (Math.abs(d[end]) + Math.abs(d[end + 1]))) {
        end++;
      }
      if (end === low) break;
      if (sweep === 60) throw new RangeError("tridiagonalEigenvalues(): no convergence in 60 sweeps");
      qlSweep(d, e, low, end);
    }
  }
  return d.sort();
}

/** One implicit QL step with Wilkinson's shift on the unreduced block low..end. */
function qlSweep(d: Float64Array, e: Float64Array, low: number, end: number): void {
  const half = (d[low + 1] - d[low]) / (2 * e[low]);
  let g = d[end] - d[low] + e[low] / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let sine = 1, cosine = 1, shift = 0;
  for (let i = end - 1; i >= low; i--) {
    const f = sine * e[i], b = cosine * e[i], r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] -= shift;
      e[end] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1] - shift;
    const turned = (d[i] - g) * sine + 2 * cosine * b;
    shift = sine * turned;
    d[i + 1] = g + shift;
    g = cosine * turned - b;
  }
  d[low] -= shift;
  e[low] = g;
  e[end] = 0;
}

/**
 * Unit eigenvectors of `values` (largest first, as computed from the same matrix), orthogonal also where values are close.
 *
 * @returns values.length x n
 */
export function tridiagonalEigenvectors(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  values: Float64Array,
): Matrix<Float64Array> {
  const n = diagonal.length, vectors = new Float64Array(values.length * n);
  const norm = largestRowSum(diagonal, offDiagonal), closeBy = 1e-3 * norm;
  const random = pseudoRandom();
  let clusterStart = 0, usedValue = Infinity;
  for (let k = 0; k < values.length; k++) {
    const vector = vectors.subarray(k * n, (k + 1) * n);
    if (k > 0 && values[k - 1] - values[k] > closeBy) clusterStart = k;
    // Equal values would give equal factors; a nudge makes them differ.
    const value = Math.min(values[k], usedValue - 10 * Number.EPSILON * norm);
    usedValue = value;
    const factors = factorShifted(diagonal, offDiagonal, value, norm);
    for (let i = 0; i < n; i++) vector[i] = random();
    for (let iteration = 0; iteration < 4; iteration++) {
      solveFactored(factors, vector);
      for (let other = clusterStart; other < k; other++) {
        removeComponent(vector, vectors.subarray(other * n, (other + 1) * n));
      }
      normalise(vector);
    }
  }
  return { data: vectors, rows: values.length, columns: n };
}

/** LU factors of T - value I with row exchanges: two upper diagonals beside the main one. */
interface Factors {
  main: Float64Array;
  upper: Float64Array;
  second: Float64Array;
  multiplier: Float64Array;
  exchanged: Uint8Array;
}

function factorShifted(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  value: number,
  norm: number,
): Factors {
  const n = diagonal.length, smallest = Math.max(Number.EPSILON * norm, 1e-280);
  const main = diagonal.map((element) => element - value), upper = new Float64Array(n);
  upper.set(offDiagonal);
  const second = new Float64Array(n), multiplier = new Float64Array(n), exchanged = new Uint8Array(n);
  for (let i = 0; i < n - 1; i++) {
    const below = offDiagonal[i];
    if (Math.abs(below) > Math.abs(main[i])) {
      exchanged[i] = 1;
      const top = main[i];
      main[i] = below;
      multiplier[i] = top / below;
      const held = upper[i];
      upper[i] = main[i + 1];
      main[i + 1] = held - multiplier[i] * upper[i];
      second[i] = upper[i + 1];
      upper[i + 1] = -multiplier[i] * second[i];
    } else {
      if (Math.abs(main[i]) < smallest) main[i] = smallest;
      multiplier[i] = below / main[i];
      main[i + 1] -= multiplier[i] * upper[i];
    }
  }
  if (n > 0 && Math.abs(main[n - 1]) < smallest) main[n - 1] = smallest;
  return { main, upper, second, multiplier, exchanged };
}

function solveFactored({ main, upper, second, multiplier, exchanged }: Factors, x: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < n - 1; i++) {
    if (exchanged[i]) {
      const held = x[i];
      x[i] = x[i + 1];
      x[i + 1] = held;
    }
    x[i + 1] -= multiplier[i] * x[i];
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i];
    if (i + 1 < n) sum -= upper[i] * x[i + 1];
    if (i + 2 < n) sum -= second[i] * x[i + 2];
    x[i] = sum / main[i];
  }
  normalise(x); // before the size overflows in a later iteration
}

function removeComponent(vector: Float64Array, unit: Float64Array): void {
  let dot = 0;
  for (let i = 0; i < vector.length; i++) dot += vector[i] * unit[i];
  for (let i = 0; i < vector.length; i++) vector[i] -= dot * unit[i];
}

function normalise(vector: Float64Array): void {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] /= largest) ** 2;
  const length = Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i] /= length;
}

function largestRowSum(diagonal: Float64Array, offDiagonal: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < diagonal.length; i++) {
    const sum = Math.abs(diagonal[i]) + Math.abs(offDiagonal[i - 1] ?? 0) + Math.abs(offDiagonal[i] ?? 0);
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** Start vectors that are the same on every run, between -0.5 and 0.5. */
function pseudoRandom(): () => number {
  let state = 12345;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
}
