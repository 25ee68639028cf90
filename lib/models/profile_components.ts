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

/** What the second thread (profile_worker.ts) is asked for. */
export interface ProfileSearch {
  readonly values: Matrix;
  readonly folds: readonly Int32Array[];
  readonly count: number;
}

/** Up to so many perturbations their Gram matrix is cheaper than passes over the profiles. */
const gramLimit = 1024;

/** Relative to the largest, singular values above this are as good from a Gram matrix, in which they are squared. */
const wellInGram = 1e-3;

export class ProfileComponents {
  readonly #values: Matrix;
  /** perturbations x genes: centred by gene, then by row. */
  readonly #profiles: ResidentMatrix;
  #gram: Matrix<Float64Array> | null = null;

  /** @param values perturbations x genes, all finite */
  constructor(values: Matrix) {
    this.#values = values;
    const { rows, columns, data } = values;
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
   * The first `count` components of each fold; fewer where the rank is smaller. The same bits on one thread and on two.
   *
   * @param folds training rows
   */
  async of(
    folds: readonly Int32Array[],
    count: number,
    threads: number = navigator.hardwareConcurrency,
  ): Promise<Components[]> {
    const isSmall = this.#values.rows <= gramLimit;
    const found = folds.map((rows) => isSmall ? this.#fromGram(rows, count) : null);
    const rest = folds.filter((_, i) => found[i] === null);
    const here = rest.slice(0, isSmall || threads < 2 ? rest.length : Math.ceil(rest.length / 2));
    const elsewhere = rest.length > here.length ? this.#elsewhere(rest.slice(here.length), count) : [];
    const searched = this.#search(here, count);
    searched.push(...await elsewhere);
    return found.map((components) => components ?? searched.shift()!);
  }

  #search(folds: readonly Int32Array[], count: number): Components[] {
    return searchTogether(this.#profiles, folds.map((rows) => new FoldProfiles(this.#profiles, rows)), count);
  }

  /** On a second thread; here where none can be had. */
  async #elsewhere(folds: readonly Int32Array[], count: number): Promise<Components[]> {
    let worker: Worker | null = null;
    try {
      worker = new Worker(new URL("./profile_worker.ts", import.meta.url), { type: "module" });
      const { promise, resolve, reject } = Promise.withResolvers<Components[]>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage({ values: this.#values, folds, count } satisfies ProfileSearch);
      return await promise;
    } catch {
      return this.#search(folds, count);
    } finally {
      worker?.terminate();
    }
  }

  /** From the eigenvectors of X'X; null where they would not be exact. */
  #fromGram(rows: Int32Array, count: number): Components | null {
    const fold = new FoldProfiles(this.#profiles, rows);
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
