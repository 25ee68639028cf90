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

/**
 * The first `count` components of each fold; fewer where the rank is smaller. The same bits on one thread and on two.
 *
 * @param values perturbations x genes, all finite
 * @param folds training rows
 */
export async function profileComponents(
  values: Matrix,
  folds: readonly Int32Array[],
  count: number,
  threads: number = navigator.hardwareConcurrency,
): Promise<Components[]> {
  const isSmall = values.rows <= gramLimit, share = isSmall || threads < 2 ? 1 : 0.5;
  const elsewhere = folds.slice(Math.ceil(share * folds.length));
  const others = elsewhere.length > 0 ? searchElsewhere({ values, folds: elsewhere, count }) : [];

  const profiles = centredProfiles(values);
  const here = folds.slice(0, folds.length - elsewhere.length).map((rows) =>
    new FoldProfiles(profiles, rows)
  );
  const gram = isSmall ? gramOfRows(profiles.matrix) : null;
  const found = here.map((fold) => gram && fromGram(fold, gram, count));
  const searched = searchTogether(profiles, here.filter((_, i) => found[i] === null), count);
  const own = found.map((components) => components ?? searched.shift()!);
  return [...own, ...await others];
}

/** perturbations x genes: centred by gene, then by row. */
function centredProfiles({ rows, columns, data }: Matrix): ResidentMatrix {
  const geneMeans = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let g = 0; g < columns; g++, at++) geneMeans[g] += data[at] / rows;
  }
  return new ResidentMatrix(rows, columns, (i, row) => {
    let sum = 0;
    for (let g = 0; g < columns; g++) sum += row[g] = data[i * columns + g] - geneMeans[g];
    for (let g = 0; g < columns; g++) row[g] -= sum / columns;
  });
}

/** On a second thread; on this one where none can be had. */
async function searchElsewhere(search: ProfileSearch): Promise<Components[]> {
  let worker: Worker | null = null;
  try {
    worker = new Worker(new URL("./profile_worker.ts", import.meta.url), { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<Components[]>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(search);
    return await promise;
  } catch {
    return await profileComponents(search.values, search.folds, search.count, 1);
  } finally {
    worker?.terminate();
  }
}

/** From the eigenvectors of X'X; null where they would not be exact. @param gram of all profiles */
function fromGram(fold: FoldProfiles, gram: Matrix<Float64Array>, count: number): Components | null {
  const own = fold.gramFrom(gram), n = own.rows;
  const { values, right } = finished(largestSingularVectors(n, n, count), own);
  const asked = Math.min(count, n, fold.genes);
  if (values.length < asked || values[values.length - 1] < wellInGram ** 2 * values[0]) return null;
  return { values: values.map(Math.sqrt), scores: fold.scores(right), loadings: right };
}

/** What the search finds in a symmetric matrix. */
function finished(search: SingularVectorSearch, matrix: Matrix<Float64Array>) {
  let next = search.next();
  while (!next.done) next = search.next(multiplyVector(matrix, next.value.x));
  return next.value;
}
