/** Ridge regression in float64, exact to a few roundings whatever lambda and however dependent the columns are. */
import { Matrix as MlMatrix, SingularValueDecomposition } from "ml-matrix";
import { Cholesky } from "./cholesky.ts";
import { type Embedded, type Matrix, transposed } from "./matrix.ts";
import { gramOfRows, multiplyTransposed, toFloat64 } from "./products.ts";

/**
 * The x minimising |y - B x|^2 + lambda |x|^2 for any number of y; with lambda 0 the shortest of those that minimise
 * |y - B x|^2, as of the pseudo-inverse.
 *
 * A linear expression model needs it twice: W minimising ||Y - G W P'||^2 with ridge lambda on both sides (Ahlmann-Eltze
 * et al. 2025, eq. 2) is (G'G + lambda I)^-1 G' Y P (P'P + lambda I)^-1, a regression on G and one on P.
 */
export class RidgeRegression {
  /** Directions of B that have no weight since B is zero in them but for rounding; counted where that is found out. */
  readonly dropped: number;
  readonly #solve: Solver;
  readonly #problem: RidgeProblem;
  /** Of BB' + lambda I, where the solution goes by it. */
  readonly #factorOfRows: Cholesky | null;

  /**
   * @param B n x p, or what several regressions on it share
   * @throws {RangeError} if lambda is negative, or a number is not finite
   */
  constructor(B: Embedded | RidgeProblem, lambda: number) {
    if (!(lambda >= 0)) throw new RangeError(`RidgeRegression: lambda is ${lambda}, it must be at least 0`);
    const problem = B instanceof RidgeProblem ? B : new RidgeProblem(B), { scale } = problem;
    const solver: Solution = lambda / scale / scale === Infinity
      ? zeros(problem.B.columns)
      : solverOf(problem, lambda / scale / scale);
    this.dropped = solver.dropped;
    this.#problem = problem;
    this.#factorOfRows = solver.factorOfRows ?? null;
    this.#solve = (Y) => {
      const X = solver.solve(Y);
      for (let i = 0; i < X.data.length; i++) X.data[i] /= scale;
      return X;
    };
  }

  /**
   * @param Y m x n, a y in each row
   * @returns p x m, the x of each in a column
   */
  solve(Y: Embedded): Matrix<Float64Array> {
    return this.#solve(Y);
  }

  /** Whether `smoother` costs less than `solve` with as many y as B has rows. */
  get isByRows(): boolean {
    return this.#factorOfRows !== null;
  }

  /**
   * What the solution predicts at `points`, as weights on y: H = points (B'B + lambda I)^-1 B'.
   *
   * @param points m x p
   * @returns m x n
   */
  smoother(points: Embedded): Matrix<Float64Array> {
    const { B } = this.#problem;
    if (!this.#factorOfRows) return multiplyTransposed(points, transposed(this.#solve(identity(B.rows))));
    const products = multiplyTransposed(points, B); // H = points B'(BB' + lambda I)^-1
    for (let i = 0; i < products.data.length; i++) products.data[i] /= this.#problem.scale;
    return this.#factorOfRows.solveRows(products);
  }
}

/** What regressions on the same B with other penalties share: its products with itself and with a Y, computed when needed. */
export class RidgeProblem {
  /** B is divided by it, a power of two, which changes no digit: squares of very large or small numbers overflow or vanish. */
  readonly scale: number;
  readonly B: Matrix<Float64Array>;
  #Bt: Matrix<Float64Array> | null = null;
  #gram: Matrix<Float64Array> | null = null;
  #last: { Y: Embedded; YB: Matrix<Float64Array> } | null = null;

  /** @throws {RangeError} when a number is not finite */
  constructor(B: Embedded) {
    this.scale = scaleOf(B.data);
    this.B = toFloat64(B);
    for (let i = 0; i < this.B.data.length; i++) this.B.data[i] /= this.scale;
  }

  get isTall(): boolean {
    return this.B.rows >= this.B.columns;
  }

  get Bt(): Matrix<Float64Array> {
    return this.#Bt ??= transposed(this.B);
  }

  /** B'B where B is tall, else BB'. */
  get gram(): Matrix<Float64Array> {
    return this.#gram ??= gramOfRows(this.isTall ? this.Bt : this.B);
  }

  /** Y B; kept for the next call with the same Y. */
  productWith(Y: Embedded): Matrix<Float64Array> {
    if (this.#last?.Y !== Y) this.#last = { Y, YB: multiplyTransposed(Y, this.Bt) };
    return this.#last.YB;
  }
}

type Solver = (Y: Embedded) => Matrix<Float64Array>;

interface Solution {
  readonly solve: Solver;
  readonly dropped: number;
  readonly factorOfRows?: Cholesky;
}

/**
 * Smallest pivots of the squares of B below which their rounding shows: a solution by the columns of B is refined, down to
 * where refining no longer helps; one by its rows (of size y / lambda where rows are dependent) is not used.
 */
const exact = 1e-7, refinable = 1e-10;

function solverOf(problem: RidgeProblem, lambda: number): Solution {
  const { B, Bt, isTall } = problem;
  const factor = Cholesky.of(problem.gram, lambda), pivot = factor?.smallestPivot ?? 0;
  if (factor === null || pivot < (isTall ? refinable : exact)) return decomposed(B, lambda);
  if (isTall) return { solve: byColumns(problem, lambda, factor, pivot < exact ? 2 : 0), dropped: 0 };
  // x = B'(BB' + lambda I)^-1 y
  return { solve: (Y) => multiplyTransposed(Bt, factor.solveRows(Y)), dropped: 0, factorOfRows: factor };
}

/** x = (B'B + lambda I)^-1 B'y; each round adds the solution of what is left, computed from B and not from its squares. */
function byColumns(problem: RidgeProblem, lambda: number, factor: Cholesky, rounds: number): Solver {
  return (Y) => {
    const { B, Bt } = problem, X = factor.solveRows(problem.productWith(Y)); // m x p
    for (let round = 0; round < rounds; round++) {
      const left = difference(Y, multiplyTransposed(X, B));
      add(X, factor.solveRows(difference(multiplyTransposed(left, Bt), X, lambda)));
    }
    return transposed(X);
  };
}

/** x = V diag(s / (s^2 + lambda)) U'y by B = U diag(s) V', without the directions in which s is rounding. */
function decomposed(B: Matrix<Float64Array>, lambda: number): Solution {
  const rows = Array.from({ length: B.rows }, (_, i) => B.data.subarray(i * B.columns, (i + 1) * B.columns));
  const svd = new SingularValueDecomposition(new MlMatrix(rows), { autoTranspose: true });
  const negligible = Math.max(B.rows, B.columns) * Number.EPSILON * Math.max(0, ...svd.diagonal);
  const kept = svd.diagonal.flatMap((value, i) => value > negligible ? [i] : []);
  const U = columnsAsRows(svd.leftSingularVectors, kept), V = columnsAsRows(svd.rightSingularVectors, kept);
  const solve: Solver = (Y) => {
    const weights = multiplyTransposed(Y, U); // m x kept
    weights.data.forEach((weight, at) => {
      const value = svd.diagonal[kept[at % kept.length]];
      weights.data[at] = weight * (value / (value * value + lambda));
    });
    return multiplyTransposed(transposed(V), weights);
  };
  return { solve, dropped: Math.min(B.rows, B.columns) - kept.length };
}

/** With a lambda beside which B is nothing. */
function zeros(columns: number): Solution {
  const solve: Solver = (Y) => ({
    data: new Float64Array(columns * Y.rows),
    rows: columns,
    columns: Y.rows,
  });
  return { solve, dropped: 0 };
}

/** A power of two near the largest element. @throws {RangeError} when one is not finite */
function scaleOf(data: Float32Array | Float64Array): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]);
    if (size > largest || Number.isNaN(size)) largest = size;
  }
  if (!Number.isFinite(largest)) throw new RangeError("RidgeRegression: a value is not finite");
  return largest === 0 ? 1 : 2 ** Math.max(-1022, Math.floor(Math.log2(largest)));
}

function columnsAsRows(matrix: MlMatrix, columns: readonly number[]): Matrix<Float64Array> {
  const data = new Float64Array(columns.length * matrix.rows);
  columns.forEach((column, i) => data.set(matrix.getColumn(column), i * matrix.rows));
  return { data, rows: columns.length, columns: matrix.rows };
}

function identity(size: number): Matrix<Float64Array> {
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 1;
  return { data, rows: size, columns: size };
}

/** A - factor B. */
function difference(A: Embedded, B: Matrix<Float64Array>, factor = 1): Matrix<Float64Array> {
  const data = new Float64Array(A.data);
  for (let i = 0; i < data.length; i++) data[i] -= factor * B.data[i];
  return { ...A, data };
}

/** A += B. */
function add(A: Matrix<Float64Array>, B: Matrix<Float64Array>): void {
  for (let i = 0; i < A.data.length; i++) A.data[i] += B.data[i];
}
