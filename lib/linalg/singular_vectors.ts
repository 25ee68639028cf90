/**
 * The largest singular values of a matrix A and their vectors, from products with A and A' alone (Golub and Kahan's
 * bidiagonalisation by Lanczos' method, every vector made orthogonal to all before it).
 *
 * A itself is never squared: where A'A would lose values below the square root of the rounding (1e-8 of the largest), these
 * have an error of a few roundings of the largest, as in a dense decomposition.
 */
import type { Matrix } from "./matrix.ts";
import { lengthOf, OrthonormalBasis, scaled } from "./orthonormal_basis.ts";
import { tridiagonalEigenvalues, tridiagonalEigenvectors } from "./tridiagonal_eigen.ts";

export interface SingularVectors {
  /** Largest first; none that is zero but for rounding. */
  values: Float64Array;
  /** values.length x rows of A, unit vectors. */
  left: Matrix<Float64Array>;
  /** values.length x columns of A, unit vectors. */
  right: Matrix<Float64Array>;
}

/** A product that is wanted: A x, or A' x. The caller may then change what it gave. */
export interface WantedProduct {
  transposed: boolean;
  x: Float64Array;
}

/** Yields the products that it needs, each of which `next` brings; so several matrices can be worked on together. */
export type SingularVectorSearch = Generator<WantedProduct, SingularVectors, Float64Array>;

/** Vectors by the longer and the shorter side of A. */
interface Triplet {
  value: number;
  long: Float64Array;
  short: Float64Array;
}

/**
 * @param rows of A
 * @param columns of A
 * @param count values wanted; fewer come where the rank is smaller
 */
export function* largestSingularVectors(rows: number, columns: number, count: number): SingularVectorSearch {
  const isWide = rows < columns, wanted = Math.min(count, rows, columns);
  const long = Math.max(rows, columns), short = Math.min(rows, columns);
  let found: Triplet[] = [];
  // From one start a value that occurs twice may be found once: look again beside what was found.
  for (;;) {
    const more = yield* searchBeside(found, long, short, wanted, isWide);
    if (more.length === 0) break;
    found = [...found, ...more].sort((a, b) => b.value - a.value).slice(0, wanted);
  }
  const negligible = long * Number.EPSILON * (found[0]?.value ?? 0);
  const kept = found.filter(({ value }) => value > negligible);
  const longs = stacked(kept.map((triplet) => triplet.long), long);
  const shorts = stacked(kept.map((triplet) => triplet.short), short);
  return {
    values: Float64Array.from(kept, ({ value }) => value),
    left: isWide ? shorts : longs,
    right: isWide ? longs : shorts,
  };
}

/**
 * Up to `count` triplets beside `found`; none where all of them would be smaller than those.
 *
 * @param isWide A has more columns than rows: it is A' that is worked on, so that the short side is exhausted first
 */
function* searchBeside(
  found: readonly Triplet[],
  long: number,
  short: number,
  count: number,
  isWide: boolean,
): Generator<WantedProduct, Triplet[], Float64Array> {
  const room = short - found.length;
  if (room === 0) return [];
  const U = new OrthonormalBasis(long), V = new OrthonormalBasis(short);
  for (const triplet of found) {
    U.push(triplet.long);
    V.push(triplet.short);
  }
  const toBeat = found.length < count ? 0 : found[count - 1].value;
  const alphas: number[] = [], betas: number[] = [];
  let largest = found[0]?.value ?? 0, nextCheck = found.length === 0 ? count + 10 : 12;

  for (let v = V.another(), beta = 0;;) {
    V.push(v);
    const u = yield { transposed: isWide, x: v };
    const alpha = U.removeFrom(u);
    largest = Math.max(largest, alpha);
    const isNull = alpha <= Number.EPSILON * largest;
    const unit = isNull ? U.another() : scaled(u, 1 / alpha);
    U.push(unit);
    alphas.push(isNull ? 0 : alpha);
    const step = alphas.length, isWhole = step === room;

    let w: Float64Array | null = null;
    if (!isWhole) {
      w = yield { transposed: !isWide, x: unit };
      beta = V.removeFrom(w);
      largest = Math.max(largest, beta);
      if (beta <= Number.EPSILON * largest) beta = 0;
    }
    if (isWhole || step >= nextCheck) {
      nextCheck = step + Math.max(8, step >> 4);
      const size = Math.min(count, step);
      const problem = bidiagonalVectors(alphas, betas, size);
      if (found.length > 0 && !(problem.values[0] > toBeat * (1 + 1e-10))) return [];
      const isDone = problem.values.every((value, i) =>
        (isWhole ? 0 : beta) * Math.abs(problem.left[i][step - 1]) <=
          Math.max(1e-13 * value, Number.EPSILON * largest)
      );
      if (isWhole || isDone) {
        return Array.from(problem.values, (value, i) => ({
          value,
          long: U.combination(problem.left[i], found.length),
          short: V.combination(problem.right[i], found.length),
        }));
      }
    }
    betas.push(beta);
    v = beta > 0 ? scaled(w!, 1 / beta) : V.another();
  }
}

/**
 * Singular vectors of the upper bidiagonal matrix of `alphas` (diagonal) and `betas`: it and its transpose, off the diagonal
 * of a symmetric matrix and with rows in turn, are a tridiagonal one, whose positive eigenvalues are the singular values.
 */
function bidiagonalVectors(
  alphas: readonly number[],
  betas: readonly number[],
  count: number,
): { values: Float64Array; left: Float64Array[]; right: Float64Array[] } {
  const size = 2 * alphas.length, diagonal = new Float64Array(size);
  const offDiagonal = Float64Array.from(
    { length: size - 1 },
    (_, i) => i % 2 === 0 ? alphas[i / 2] : betas[(i - 1) / 2],
  );
  const values = tridiagonalEigenvalues(diagonal, offDiagonal).reverse().slice(0, count);
  const { data } = tridiagonalEigenvectors(diagonal, offDiagonal, values);
  const part = (i: number, first: number) => {
    const own = data.subarray(i * size, (i + 1) * size);
    const half = Float64Array.from({ length: alphas.length }, (_, j) => own[2 * j + first]);
    return scaled(half, 1 / (lengthOf(half) || 1));
  };
  const numbers = Array.from(values.keys());
  return { values, right: numbers.map((i) => part(i, 0)), left: numbers.map((i) => part(i, 1)) };
}

function stacked(vectors: readonly Float64Array[], columns: number): Matrix<Float64Array> {
  const data = new Float64Array(vectors.length * columns);
  vectors.forEach((vector, i) => data.set(vector, i * columns));
  return { data, rows: vectors.length, columns };
}
