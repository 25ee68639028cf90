/**
 * Linear expression model with given embeddings on both sides: Y - b ~ G W P', G of the read-out genes, P of the
 * perturbed transcription factors.
 *
 * The regression on G does not change from fold to fold and is done once, for all perturbations.
 */
import type { Fold } from "../dataset/kfold.ts";
import { type Embedded, type Matrix, takeRows, transposed } from "../linalg/matrix.ts";
import { multiplyTransposed, multiplyTransposedOnto } from "../linalg/products.ts";
import { RidgeProblem, RidgeRegression } from "../linalg/ridge.ts";
import { columnsOf, dependent, type FittedLinearFold, linearTensors, meanOfRows } from "./lel.ts";

export class EmbeddingRidge {
  readonly #values: Matrix;
  readonly #P: Embedded;
  readonly #lambda: number;
  readonly #G: Embedded;
  /** (G'G + lambda I)^-1 G'Y of all perturbations, k x perturbations: a fold's part is centred by its own mean. */
  readonly #A: Matrix<Float64Array>;
  readonly #droppedOfG: number;

  /**
   * @param values perturbations x genes, all finite
   * @param geneEmbeddings genes x k
   * @param tfEmbeddings perturbations x width
   * @param lambda ridge on both sides; 0 takes the shortest solution
   * @param problem the regression on G, which models of other lambdas share
   */
  constructor(
    values: Matrix,
    geneEmbeddings: Embedded,
    tfEmbeddings: Embedded,
    lambda: number,
    problem: RidgeProblem = new RidgeProblem(geneEmbeddings),
  ) {
    this.#values = values;
    this.#P = tfEmbeddings;
    this.#lambda = lambda;
    this.#G = geneEmbeddings;
    const ofGenes = new RidgeRegression(problem, lambda);
    this.#A = ofGenes.solve(values);
    this.#droppedOfG = ofGenes.dropped;
  }

  fit({ train }: Fold): FittedLinearFold {
    const baseline = meanOfRows(this.#values, train);
    const ofTfs = new RidgeRegression(takeRows(this.#P, train), this.#lambda);
    const A = this.#centred(train);
    let solved: Matrix<Float64Array> | null = null;
    const Wt = () => solved ??= ofTfs.solve(A); // W = A P (P'P + lambda I)^-1, k x width
    return {
      note: `${train.length} training perturbations` + dependent("gene", this.#droppedOfG) +
        dependent("TF", ofTfs.dropped),
      predict: (rows) => {
        const points = takeRows(this.#P, rows); // W P' of them: by far fewer solutions than those of W where P is wide
        const WP = ofTfs.isByRows
          ? multiplyTransposed(ofTfs.smoother(points), A)
          : multiplyTransposed(points, transposed(Wt()));
        return multiplyTransposedOnto(baseline, WP, this.#G);
      },
      tensors: () => linearTensors(baseline, multiplyTransposed(this.#G, Wt())),
    };
  }

  /**
   * Predictions of some rows less the training mean, as coordinates on the columns of G: points.rows x k.
   *
   * @param ofTfs the regression on the embeddings of `train`, for several lambdas
   * @param points embeddings of the rows
   */
  coordinates(train: Int32Array, ofTfs: RidgeProblem, points: Embedded): Matrix<Float64Array> {
    const H = new RidgeRegression(ofTfs, this.#lambda).smoother(points);
    return multiplyTransposed(H, this.#centred(train));
  }

  /** A of the training rows, k x train.length. */
  #centred(train: Int32Array): Matrix<Float64Array> {
    const A = columnsOf(this.#A, train);
    for (let c = 0; c < A.rows; c++) centre(A.data.subarray(c * A.columns, (c + 1) * A.columns));
    return A;
  }
}

function centre(values: Float64Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  for (let i = 0; i < values.length; i++) values[i] -= sum / values.length;
}
