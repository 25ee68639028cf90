/** Orthonormal vectors that are added one by one, each made orthogonal to all before it. */
export class OrthonormalBasis {
  readonly length: number;
  /** Rows: the vectors. */
  #data: Float64Array;
  #count = 0;
  readonly #random = pseudoRandom();

  constructor(length: number) {
    this.length = length;
    this.#data = new Float64Array(16 * length);
  }

  get count(): number {
    return this.#count;
  }

  vector(i: number): Float64Array {
    return this.#data.subarray(i * this.length, (i + 1) * this.length);
  }

  /** @param unit of length 1 and orthogonal to all others */
  push(unit: Float64Array): void {
    if ((this.#count + 1) * this.length > this.#data.length) {
      const larger = new Float64Array(2 * this.#data.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.vector(this.#count++).set(unit);
  }

  /**
   * Take from `vector` what lies in the basis, once more where so little is left that rounding shows.
   *
   * @returns the length of what is left
   */
  removeFrom(vector: Float64Array): number {
    for (let before = lengthOf(vector);;) {
      this.#project(vector);
      const after = lengthOf(vector);
      if (after > 0.5 * before || after === 0) return after;
      before = after;
    }
  }

  /** A unit vector orthogonal to all, the same on every run. There must be room for one. */
  another(): Float64Array {
    for (;;) {
      const vector = Float64Array.from({ length: this.length }, this.#random);
      const before = lengthOf(vector), left = this.removeFrom(vector);
      if (left > 1e-8 * before) return scaled(vector, 1 / left);
    }
  }

  /** The sum of the vectors from `start` on, each times its weight. */
  combination(weights: Float64Array, start: number): Float64Array {
    const sum = new Float64Array(this.length);
    weights.forEach((weight, i) => {
      const vector = this.vector(start + i);
      for (let j = 0; j < sum.length; j++) sum[j] += weight * vector[j];
    });
    return sum;
  }

  /** Four vectors of the basis at a time, so that `w` is read and written once for all of them. */
  #project(w: Float64Array): void {
    const n = this.length, Q = this.#data;
    let i = 0;
    for (; i + 4 <= this.#count; i += 4) {
      const a = i * n, b = a + n, c = b + n, d = c + n;
      let wa = 0, wb = 0, wc = 0, wd = 0;
      for (let j = 0; j < n; j++) {
        const x = w[j];
        wa += Q[a + j] * x;
        wb += Q[b + j] * x;
        wc += Q[c + j] * x;
        wd += Q[d + j] * x;
      }
      for (let j = 0; j < n; j++) w[j] -= wa * Q[a + j] + wb * Q[b + j] + wc * Q[c + j] + wd * Q[d + j];
    }
    for (; i < this.#count; i++) {
      const q = this.vector(i);
      let wq = 0;
      for (let j = 0; j < n; j++) wq += q[j] * w[j];
      for (let j = 0; j < n; j++) w[j] -= wq * q[j];
    }
  }
}

/** Without overflow: the squares of very large or very small numbers overflow or vanish. */
export function lengthOf(vector: Float64Array): number {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i] * vector[i];
  return Math.sqrt(squares);
}

/** `vector` itself, times `factor`. */
export function scaled(vector: Float64Array, factor: number): Float64Array {
  for (let i = 0; i < vector.length; i++) vector[i] *= factor;
  return vector;
}

/** Between -0.5 and 0.5. */
function pseudoRandom(): () => number {
  let state = 12345;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
}
