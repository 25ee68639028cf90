/** Training profiles of a fold, as a view of all profiles with the fold's own means taken off. */
import type { Matrix } from "../linalg/matrix.ts";
import type { ResidentMatrix } from "../linalg/resident_matrix.ts";
import {
  largestSingularVectors,
  type SingularVectors,
  type WantedProduct,
} from "../linalg/singular_vectors.ts";

export interface Components {
  /** Singular values of X, largest first; none that is zero but for rounding. */
  values: Float64Array;
  /** values.length x genes: coordinates of the genes, each row of the length of its singular value. */
  scores: Matrix<Float64Array>;
  /** values.length x training rows: what the components are made of, unit vectors. */
  loadings: Matrix<Float64Array>;
}

/** X, genes x training rows: the rows' profiles less their mean. */
export class FoldProfiles {
  readonly rows: Int32Array;
  readonly #profiles: ResidentMatrix;
  /** By gene. */
  readonly #means: Float64Array;

  /**
   * @param profiles perturbations x genes, each of mean 0
   * @param rows of them
   */
  constructor(profiles: ResidentMatrix, rows: Int32Array) {
    this.rows = rows;
    this.#profiles = profiles;
    this.#means = profiles.combineRows([this.spread(new Float64Array(rows.length).fill(1 / rows.length))])[0];
  }

  get genes(): number {
    return this.#profiles.columns;
  }

  /** Weights of the fold's rows as weights of all rows. */
  spread(weights: Float64Array): Float64Array {
    const spread = new Float64Array(this.#profiles.rows);
    for (let i = 0; i < weights.length; i++) spread[this.rows[i]] = weights[i];
    return spread;
  }

  /** X w, from the same combination of whole profiles. */
  centredCombination(combined: Float64Array, weights: Float64Array): Float64Array {
    let sum = 0;
    for (const weight of weights) sum += weight;
    for (let g = 0; g < combined.length; g++) combined[g] -= sum * this.#means[g];
    return combined;
  }

  /** X'u, from the products of all profiles with u. */
  centredProducts(products: Float64Array, u: Float64Array): Float64Array {
    let shift = 0;
    for (let g = 0; g < u.length; g++) shift += this.#means[g] * u[g];
    return Float64Array.from(this.rows, (row) => products[row] - shift);
  }

  /** X'X, from the products of all profiles with each other. */
  gramFrom({ data: all, columns }: Matrix<Float64Array>): Matrix<Float64Array> {
    const { rows } = this, n = rows.length, data = new Float64Array(n * n), means = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) means[i] += (data[i * n + j] = all[rows[i] * columns + rows[j]]) / n;
    }
    let grand = 0;
    for (const mean of means) grand += mean / n;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) data[i * n + j] += grand - means[i] - means[j];
    }
    return { data, rows: n, columns: n };
  }

  /** X w for each row w of `weights`. */
  scores(weights: Matrix<Float64Array>): Matrix<Float64Array> {
    const own = Array.from(
      { length: weights.rows },
      (_, i) => weights.data.subarray(i * weights.columns, (i + 1) * weights.columns),
    );
    const combined = this.#profiles.combineRows(own.map((w) => this.spread(w)));
    const data = new Float64Array(own.length * this.#profiles.columns);
    combined.forEach((sum, i) => data.set(this.centredCombination(sum, own[i]), i * sum.length));
    return { data, rows: own.length, columns: this.#profiles.columns };
  }
}

/** The first `count` components of each fold, by passes over the profiles that all folds share. */
export function searchTogether(
  profiles: ResidentMatrix,
  folds: readonly FoldProfiles[],
  count: number,
): Components[] {
  const results: Components[] = [];
  let active = folds.map((fold, i) => {
    const search = largestSingularVectors(profiles.columns, fold.rows.length, count);
    return { i, fold, search, wanted: search.next().value as WantedProduct };
  });
  while (active.length > 0) {
    const forward = active.filter(({ wanted }) => !wanted.transposed);
    const backward = active.filter(({ wanted }) => wanted.transposed);
    const sums = profiles.combineRows(forward.map(({ fold, wanted }) => fold.spread(wanted.x)));
    const products = profiles.multiply(backward.map(({ wanted }) => wanted.x));
    active = active.filter((one) => {
      const { fold, wanted: { transposed, x } } = one;
      const next = one.search.next(
        transposed ? fold.centredProducts(products.shift()!, x) : fold.centredCombination(sums.shift()!, x),
      );
      if (!next.done) one.wanted = next.value;
      else results[one.i] = componentsOf(next.value);
      return !next.done;
    });
  }
  return results;
}

function componentsOf({ values, left, right }: SingularVectors): Components {
  const scores = { ...left, data: left.data.map((x, at) => x * values[Math.floor(at / left.columns)]) };
  return { values, scores, loadings: right };
}
