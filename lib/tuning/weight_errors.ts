/** Errors of predictions that are weighted sums of training profiles, from the profiles' products with each other alone. */
import type { TrainingTargets } from "../dataset/training_targets.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { isSparse, nonZeros } from "../linalg/sparse.ts";
import { gramOfRows, multiplyTransposed } from "../linalg/products.ts";

/** Products of all profiles with each other, less the mean profile: what errors of all settings and folds are made of. */
export class ProfileProducts {
  readonly #products: Matrix<Float64Array>;

  /** @param values perturbations x genes, all finite */
  constructor({ data, rows, columns }: Matrix) {
    const means = new Float64Array(columns), centred = new Float64Array(data.length);
    for (let i = 0, at = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, at++) means[j] += data[at] / rows;
    }
    for (let i = 0, at = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, at++) centred[at] = data[at] - means[j];
    }
    this.#products = gramOfRows({ data: centred, rows, columns });
  }

  /** @param train @param test rows of the profiles */
  errorsOf(train: Int32Array, test: Int32Array): WeightErrors {
    return new WeightErrors(this.#part(train, train), this.#part(test, train), this.#diagonal(test));
  }

  #part(some: Int32Array, others: Int32Array): Matrix<Float64Array> {
    const { data, columns } = this.#products, part = new Float64Array(some.length * others.length);
    for (let i = 0, next = 0; i < some.length; i++) {
      for (let j = 0; j < others.length; j++) part[next++] = data[some[i] * columns + others[j]];
    }
    return { data: part, rows: some.length, columns: others.length };
  }

  #diagonal(rows: Int32Array): Float64Array {
    const { data, columns } = this.#products;
    return Float64Array.from(rows, (row) => data[row * columns + row]);
  }
}

const products = new WeakMap<TrainingTargets, (fold: number) => ProfileProducts>();

/** Products of the profiles that a fold learns from; computed once for all folds and models that share them. */
export function profileProducts(training: TrainingTargets): (fold: number) => ProfileProducts {
  return products.getOrInsertComputed(
    training,
    () => training.prepared(({ values }) => new ProfileProducts(values)),
  );
}

/** Of some training and test rows. */
export class WeightErrors {
  readonly #ofTrain: Matrix<Float64Array>;
  readonly #testByTrain: Matrix<Float64Array>;
  readonly #squaresOfTest: Float64Array;

  constructor(
    ofTrain: Matrix<Float64Array>,
    testByTrain: Matrix<Float64Array>,
    squaresOfTest: Float64Array,
  ) {
    this.#ofTrain = ofTrain;
    this.#testByTrain = testByTrain;
    this.#squaresOfTest = squaresOfTest;
  }

  /**
   * Sum over test rows and genes of (y - mu - sum_j h_j (y_j - mu))^2, mu the mean of the training profiles.
   *
   * As sum_j g_j y_j with g_j = h_j + (1 - sum h) / n is the same prediction, that is T_yy - 2 g T_y + g T g' with T the
   * products of profiles. Weights that add up to 1 do not see what was taken off all profiles.
   *
   * @param H test rows x training rows; null: no weights, so the mean of the training profiles
   */
  squares(H: Matrix<Float64Array> | null): number {
    const { rows, columns } = this.#testByTrain, data = new Float64Array(rows * columns);
    if (H) data.set(H.data);
    for (let i = 0; i < rows; i++) {
      const own = data.subarray(i * columns, (i + 1) * columns);
      let sum = 0;
      for (const weight of own) sum += weight;
      const rest = (1 - sum) / columns;
      if (Math.abs(rest) > Number.EPSILON) { for (let j = 0; j < columns; j++) own[j] += rest; }
    }
    const G = { data, rows, columns };
    let squares = isSparse(G) ? this.#sparseSquares(G) : this.#denseSquares(G);
    for (const square of this.#squaresOfTest) squares += square;
    return Math.max(0, squares);
  }

  /** g T g' - 2 g T_y of all rows. */
  #denseSquares(G: Matrix<Float64Array>): number {
    const { data: y } = this.#testByTrain, GT = multiplyTransposed(G, this.#ofTrain).data;
    let sum = 0;
    for (let at = 0; at < GT.length; at++) sum += G.data[at] * (GT[at] - 2 * y[at]);
    return sum;
  }

  /** The same, by the weights that are not 0. */
  #sparseSquares({ data, rows, columns }: Matrix<Float64Array>): number {
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      const start = i * columns, used = nonZeros(data.subarray(start, start + columns));
      for (const j of used) {
        let product = -2 * this.#testByTrain.data[start + j];
        for (const l of used) product += data[start + l] * this.#ofTrain.data[j * columns + l];
        sum += data[start + j] * product;
      }
    }
    return sum;
  }
}
