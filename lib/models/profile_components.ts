/**
 * Principal components of expression profiles with genes as samples, for the training rows of several folds.
 *
 * X, genes x training rows, is centred by gene, then by row. As all folds read the same profiles, these are centred once by
 * their means over all rows; what a fold's own means differ from that is taken off each product.
 */
import type { Matrix } from "../linalg/matrix.ts";
import { gramOfRows, multiplyVector } from "../linalg/products.ts";
import { ResidentMatrix } from "../linalg/resident_matrix.ts";
import { largestSingularVectors, type SingularVectorSearch } from "../linalg/singular_vectors.ts";
import { type Components, FoldProfiles, searchTogether } from "./fold_profiles.ts";

/** Up to so many perturbations their Gram matrix is cheaper than passes over the profiles. */
const gramLimit = 1024;

/** Relative to the largest, singular values above this are as good from a Gram matrix, in which they are squared. */
const wellInGram = 1e-3;

export class ProfileComponents {
  /** perturbations x genes: centred by gene, then by row. */
  readonly #profiles: ResidentMatrix;
  #gram: Matrix<Float64Array> | null = null;

  /** @param values perturbations x genes, all finite */
  constructor({ rows, columns, data }: Matrix) {
    const geneMeans = new Float64Array(columns);
    for (let i = 0, at = 0; i < rows; i++) {
      for (let g = 0; g < columns; g++, at++) geneMeans[g] += data[at] / rows;
    }
    this.#profiles = new ResidentMatrix(rows, columns, (i, row) => {
      let sum = 0;
      for (let g = 0; g < columns; g++) sum += row[g] = data[i * columns + g] - geneMeans[g];
      for (let g = 0; g < columns; g++) row[g] -= sum / columns;
    });
  }

  /**
   * The first `count` components of each fold; fewer where the rank is smaller.
   *
   * @param folds training rows
   */
  of(folds: readonly Int32Array[], count: number): Components[] {
    const all = folds.map((rows) => new FoldProfiles(this.#profiles, rows));
    const found = all.map((fold) => this.#profiles.rows <= gramLimit ? this.#fromGram(fold, count) : null);
    const rest = all.filter((_, i) => found[i] === null);
    const searched = searchTogether(this.#profiles, rest, count);
    return found.map((components) => components ?? searched.shift()!);
  }

  /** From the eigenvectors of X'X; null where they would not be exact. */
  #fromGram(fold: FoldProfiles, count: number): Components | null {
    const gram = fold.gramFrom(this.#gram ??= gramOfRows(this.#profiles.matrix));
    const n = gram.rows, { values, right } = finished(largestSingularVectors(n, n, count), gram);
    if (values.length < Math.min(count, n) || values[values.length - 1] < wellInGram ** 2 * values[0]) {
      return null;
    }
    const scores = fold.scores(right);
    return { values: values.map(Math.sqrt), scores, loadings: right };
  }
}

/** What the search finds in a symmetric matrix. */
function finished(search: SingularVectorSearch, matrix: Matrix<Float64Array>) {
  let next = search.next();
  while (!next.done) next = search.next(multiplyVector(matrix, next.value.x));
  return next.value;
}
