/**
 * Linear expression model with given embeddings on both sides: Y - b ~ G W P', G of the read-out genes, P of the
 * perturbed transcription factors.
 *
 * G'G, G'Y and P P' do not change from fold to fold and are made once. A fold needs W only in the product W P_test', for
 * which P (P'P + lambda I)^-1 P_test' = (P P' + lambda I)^-1 P P_test' is solved on the smaller side.
 */
import type { Fold } from "../dataset/kfold.ts";
import { Cholesky } from "../linalg/cholesky.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";
import { takeRows } from "../linalg/matrix.ts";
import { gramOfRows, multiplyTransposed, toFloat64, transposed } from "../linalg/products.ts";
import { ridgeLeft, ridgeRight } from "../linalg/ridge.ts";
import { columnsOf, type FittedLinearFold, linearTensors, meanOfRows, solvedRidge } from "./lel.ts";

export class EmbeddingRidge {
  readonly #values: Matrix;
  readonly #P: Embedded;
  readonly #lambda: number;
  readonly #G: Matrix<Float64Array>;
  /** (G'G + lambda I)^-1 G'Y of all perturbations, k x perturbations: a fold's part is centred by its own mean. */
  readonly #A: Matrix<Float64Array>;
  /** P P', perturbations x perturbations. */
  readonly #kernel: Matrix<Float64Array>;

  /**
   * @param values perturbations x genes, all finite
   * @param geneEmbeddings genes x k
   * @param tfEmbeddings perturbations x width
   */
  constructor(values: Matrix, geneEmbeddings: Embedded, tfEmbeddings: Embedded, lambda: number) {
    this.#values = values;
    this.#P = tfEmbeddings;
    this.#lambda = lambda;
    this.#G = toFloat64(geneEmbeddings);
    this.#A = solvedRidge(lambda, () => ridgeLeft(transposed(geneEmbeddings), toFloat64(values), lambda));
    this.#kernel = gramOfRows(toFloat64(tfEmbeddings));
  }

  fit({ train }: Fold): FittedLinearFold {
    const baseline = meanOfRows(this.#values, train);
    const A = columnsOf(this.#A, train);
    for (let c = 0; c < A.rows; c++) centre(A.data.subarray(c * A.columns, (c + 1) * A.columns));
    const project = train.length < this.#P.columns ? this.#dual(A, train) : this.#primal(A, train);
    return {
      note: `${train.length} training perturbations`,
      predict: (rows) => withBaseline(multiplyTransposed(project(rows), this.#G), baseline),
      tensors: () => linearTensors(baseline, multiplyTransposed(this.#G, transposed(this.#W(A, train)))),
    };
  }

  /** W, k x width. */
  #W(A: Matrix<Float64Array>, train: Int32Array): Matrix<Float64Array> {
    const Pt = transposed(takeRows(this.#P, train));
    return solvedRidge(this.#lambda, () => ridgeRight(A, Pt, this.#lambda));
  }

  /** rows -> (W P_rows')', by way of a system of TF dimensions. */
  #primal(A: Matrix<Float64Array>, train: Int32Array): (rows: Int32Array) => Matrix<Float64Array> {
    const W = this.#W(A, train);
    return (rows) => multiplyTransposed(toFloat64(takeRows(this.#P, rows)), W);
  }

  /** The same by way of a system of training rows. */
  #dual(A: Matrix<Float64Array>, train: Int32Array): (rows: Int32Array) => Matrix<Float64Array> {
    const system = selection(this.#kernel, train, train);
    const factor = solvedRidge(this.#lambda, () => new Cholesky(system, this.#lambda));
    return (rows) => {
      const weights = factor.solve(selection(this.#kernel, train, rows)); // training rows x rows
      return multiplyTransposed(transposed(weights), A);
    };
  }
}

function centre(values: Float64Array): void {
  let sum = 0;
  for (const value of values) sum += value;
  for (let i = 0; i < values.length; i++) values[i] -= sum / values.length;
}

function selection(
  matrix: Matrix<Float64Array>,
  rows: Int32Array,
  columns: Int32Array,
): Matrix<Float64Array> {
  const data = new Float64Array(rows.length * columns.length);
  for (let i = 0, next = 0; i < rows.length; i++) {
    for (let j = 0; j < columns.length; j++) {
      data[next++] = matrix.data[rows[i] * matrix.columns + columns[j]];
    }
  }
  return { data, rows: rows.length, columns: columns.length };
}

function withBaseline({ data, rows, columns }: Matrix<Float64Array>, baseline: Float64Array): Matrix {
  const sums = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) sums[at] = data[at] + baseline[j];
  }
  return { data: sums, rows, columns };
}
