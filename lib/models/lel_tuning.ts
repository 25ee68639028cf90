/** Settings of both linear expression models, chosen by inner folds (--tune) without making one prediction of all genes. */
import type { Fold } from "../dataset/kfold.ts";
import type { FoldTask } from "../experiment/model.ts";
import type { Embedded, Matrix } from "../linalg/matrix.ts";
import { takeRows, transposed } from "../linalg/matrix.ts";
import { gramOfRows, multiplyTransposed } from "../linalg/products.ts";
import { RidgeProblem } from "../linalg/ridge.ts";
import { type TuningReport, TuningScores } from "../tuning/choice.ts";
import { ProfileProducts } from "../tuning/weight_errors.ts";
import { meanOfRows } from "./lel.ts";
import { EmbeddingRidge } from "./lel_embed.ts";
import { firstComponents, ownScores, type PcaRidgeSettings, pcaWeights } from "./lel_pca.ts";
import { profileComponents } from "./profile_components.ts";

type Doubles = Matrix<Float64Array>;

/** What tuning needs of a fold: its training rows, and inner folds of them as positions. */
export type TunedFold = Pick<FoldTask, "train" | "progress"> & { readonly inner: readonly Fold[] };

/** The model with embeddings of genes and TFs, for every lambda. */
export class EmbeddingRidgeTuning {
  readonly #values: Matrix;
  readonly #inputs: { tfs: Embedded; genes: Embedded };
  readonly #models = new Map<number, EmbeddingRidge>();
  readonly #products: ProfileProducts;
  readonly #ofGenes: RidgeProblem;
  /** Y G, perturbations x k, and G'G. */
  readonly #YG: Doubles;
  readonly #GG: Doubles;

  /** @param values perturbations x genes, all finite */
  constructor(values: Matrix, inputs: { tfs: Embedded; genes: Embedded }) {
    const Gt = transposed(inputs.genes);
    this.#ofGenes = new RidgeProblem(inputs.genes);
    this.#values = values;
    this.#inputs = inputs;
    this.#products = new ProfileProducts(values);
    this.#YG = multiplyTransposed(values, Gt);
    this.#GG = gramOfRows(Gt);
  }

  modelOf(lambda: number): EmbeddingRidge {
    return this.#models.getOrInsertComputed(
      lambda,
      () => new EmbeddingRidge(this.#values, this.#inputs.genes, this.#inputs.tfs, lambda, this.#ofGenes),
    );
  }

  choose(grid: readonly { lambda: number }[], { train, inner, progress }: TunedFold): TuningReport {
    const scores = new TuningScores(grid);
    for (const [i, fold] of inner.entries()) {
      progress(i / inner.length, `tuning, inner fold ${i}`);
      const [own, test] = [fold.train, fold.test].map((places) => places.map((at) => train[at]));
      const ofMean = this.#products.errorsOf(own, test).squares(null);
      const leftOver = less(takeRows(this.#YG, test), meanRow(this.#YG, own));
      const ofTfs = new RidgeProblem(takeRows(this.#inputs.tfs, own)),
        points = takeRows(this.#inputs.tfs, test);
      scores.add(test.length * this.#values.columns, ofMean, ({ lambda }) => {
        const M = this.modelOf(lambda).coordinates(own, ofTfs, points);
        return ofMean + squaresBy(M, leftOver, multiplyTransposed(M, this.#GG));
      });
    }
    return scores.choose()!;
  }
}

/** The model with embeddings from the data, for every number of components and lambda. */
export async function choosePcaSettings(
  grid: readonly PcaRidgeSettings[],
  values: Matrix,
  ownGene: Int32Array,
  products: ProfileProducts,
  { train, inner, progress }: TunedFold,
): Promise<TuningReport<PcaRidgeSettings>> {
  const scores = new TuningScores(grid), most = Math.max(...grid.map(({ components }) => components));
  const folds = inner.map((fold) => ({
    train: fold.train.map((at) => train[at]),
    test: fold.test.map((at) => train[at]),
  }));
  const found = await profileComponents(values, folds.map(({ train }) => train), most);
  for (const [i, { train, test }] of folds.entries()) {
    progress(i / folds.length, `tuning, inner fold ${i}`);
    const mapped = Int32Array.from(train.keys()).filter((place) => ownGene[train[place]] >= 0);
    const own = Array.from(mapped, (place) => ownGene[train[place]]);
    const P = ownScores(found[i].scores, Array.from(test, (row) => ownGene[row]));
    const ofMean = products.errorsOf(train, test).squares(null);
    const YG = multiplyTransposed(less(takeRows(values, test), meanOfRows(values, train)), found[i].scores);
    scores.add(test.length * values.columns, ofMean, ({ components: count, lambda }) => {
      if (mapped.length < 2) return ofMean;
      const components = firstComponents(found[i], count),
        { W } = pcaWeights(components, { mapped, own, lambda });
      const M = multiplyTransposed(firstColumns(P, W.columns), W);
      const MGG = { ...M, data: M.data.map((x, at) => x * components.values[at % M.columns] ** 2) };
      return ofMean + squaresBy(M, firstColumns(YG, M.columns), MGG);
    });
  }
  return scores.choose()!;
}

/** By how much sum |E - M G'|^2 differs from sum |E|^2: M G'G M' - 2 M (E G)'. @param EG rows x k @param MGG rows x k */
function squaresBy(M: Doubles, EG: Doubles, MGG: Doubles): number {
  let sum = 0;
  for (let at = 0; at < M.data.length; at++) sum += M.data[at] * (MGG.data[at] - 2 * EG.data[at]);
  return sum;
}

function meanRow({ data, columns }: Doubles, rows: Int32Array): Float64Array {
  const mean = new Float64Array(columns);
  for (const row of rows) for (let j = 0; j < columns; j++) mean[j] += data[row * columns + j] / rows.length;
  return mean;
}

/** Each row less `mean`, in float64. */
function less({ data, rows, columns }: Embedded, mean: Float64Array): Doubles {
  const differences = Float64Array.from(data);
  for (let at = 0; at < differences.length; at++) differences[at] -= mean[at % columns];
  return { data: differences, rows, columns };
}

function firstColumns({ data, rows, columns }: Doubles, count: number): Doubles {
  const first = new Float64Array(rows * count);
  for (let i = 0; i < rows; i++) first.set(data.subarray(i * columns, i * columns + count), i * count);
  return { data: first, rows, columns: count };
}
