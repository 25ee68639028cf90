/**
 * Linear expression model with embeddings from the data: Y - b ~ G W P', where G holds principal components of the
 * training profiles with genes as samples, and a perturbation is described by the row of G of its own gene.
 */
import type { Fold } from "../dataset/kfold.ts";
import { type Matrix, transposed } from "../linalg/matrix.ts";
import { multiplyTransposed, multiplyTransposedOnto } from "../linalg/products.ts";
import { RidgeRegression } from "../linalg/ridge.ts";
import type { Components } from "./fold_profiles.ts";
import { columnsOf, dependent, type FittedLinearFold, linearTensors, meanOfRows } from "./lel.ts";
import { profileComponents } from "./profile_components.ts";

export type PcaRidgeSettings = {
  /** Components of a gene embedding; cut to the number of genes and of training rows. */
  readonly components: number;
  /** Ridge on both sides; 0 takes the shortest solution. */
  readonly lambda: number;
};

/** A fold's model, and how many of its training rows could teach it W. */
export interface FittedPcaFold extends FittedLinearFold {
  mappedTrainingRows: number;
}

export class PcaRidge {
  readonly #values: Matrix;
  readonly #ownGene: Int32Array;
  readonly #settings: PcaRidgeSettings;
  /** Training rows of the folds whose components are searched together when the first of them is fitted. */
  readonly #together: readonly Int32Array[];
  readonly #components = new Map<Int32Array, Components>();

  /**
   * @param values perturbations x genes, all finite
   * @param ownGene for each perturbation the column of its own gene, -1 where that is no read-out gene
   * @param folds that will be fitted; one that is not among them costs more
   */
  constructor(
    values: Matrix,
    ownGene: Int32Array,
    settings: PcaRidgeSettings,
    folds: readonly Fold[] = [],
  ) {
    this.#values = values;
    this.#ownGene = ownGene;
    this.#settings = settings;
    this.#together = folds.map(({ train }) => train).filter((train) => this.#mappedOf(train).length >= 2);
  }

  /** @param settings other than those of all folds; not more components than those */
  async fit({ train }: Fold, settings: PcaRidgeSettings = this.#settings): Promise<FittedPcaFold> {
    const { columns: genes } = this.#values;
    const baseline = meanOfRows(this.#values, train), mapped = this.#mappedOf(train);
    if (mapped.length < 2) return this.#fitted(baseline, none(genes), none(0), mapped.length, "0 components");

    const components = firstComponents(await this.#componentsOf(train), settings.components);
    const own = Array.from(mapped, (i) => this.#ownGene[train[i]]);
    const { W, dropped } = pcaWeights(components, { mapped, own, lambda: settings.lambda });
    const count = components.values.length, asked = Math.min(settings.components, genes, train.length);
    const note = `${count} components` +
      (count < asked ? ` (of ${asked}: the training profiles have rank ${count})` : "") +
      dependent("TF", dropped);
    return this.#fitted(baseline, components.scores, W, mapped.length, note);
  }

  /** Training rows whose own gene is a read-out gene, by their place among the training rows. */
  #mappedOf(train: Int32Array): Int32Array {
    return Int32Array.from(train.keys()).filter((i) => this.#ownGene[train[i]] >= 0);
  }

  async #componentsOf(train: Int32Array): Promise<Components> {
    if (!this.#components.has(train)) {
      const folds = this.#together.includes(train) ? this.#together : [train];
      const found = await profileComponents(this.#values, folds, this.#settings.components);
      folds.forEach((rows, i) => this.#components.set(rows, found[i]));
    }
    const components = this.#components.get(train)!;
    this.#components.delete(train);
    return components;
  }

  #fitted(
    baseline: Float64Array,
    Gt: Matrix<Float64Array>,
    W: Matrix<Float64Array>,
    mappedTrainingRows: number,
    note: string,
  ): FittedPcaFold {
    const count = Gt.rows, genes = baseline.length;
    return {
      mappedTrainingRows,
      note: `${mappedTrainingRows} training perturbations, ${note}`,
      predict: (rows) => {
        const P = ownScores(Gt, Array.from(rows, (row) => this.#ownGene[row]));
        return multiplyTransposedOnto(baseline, multiplyTransposed(P, W), transposed(Gt));
      },
      tensors: () => {
        const G = transposed(Gt),
          tensors = new Map(linearTensors(baseline, multiplyTransposed(G, transposed(W))));
        return tensors.set("gene_embeddings", { shape: [genes, count], data: G.data });
      },
    };
  }
}

/** The first `count` of some components. */
export function firstComponents({ values, scores, loadings }: Components, count: number): Components {
  const first = (matrix: Matrix<Float64Array>, rows: number) => ({
    ...matrix,
    data: matrix.data.subarray(0, rows * matrix.columns),
    rows,
  });
  const kept = Math.min(count, values.length);
  return { values: values.subarray(0, kept), scores: first(scores, kept), loadings: first(loadings, kept) };
}

/**
 * W, k x k, of training rows that have a read-out gene.
 *
 * @param rows.mapped their places among the training rows
 * @param rows.own columns of their own genes
 */
export function pcaWeights(
  { values, scores: Gt, loadings }: Components,
  { mapped, own, lambda }: { mapped: Int32Array; own: readonly number[]; lambda: number },
): { W: Matrix<Float64Array>; dropped: number } {
  // A = (G'G + lambda I)^-1 G'Y: G'G is diagonal, and G'Y = G'G V' since columns of G sum to 0.
  const A = columnsOf(loadings, mapped);
  for (let c = 0; c < A.rows; c++) {
    const shrink = values[c] / (values[c] + lambda / values[c]);
    for (let i = 0; i < mapped.length; i++) A.data[c * mapped.length + i] *= shrink;
  }
  const ofTfs = new RidgeRegression(transposed(columnsOf(Gt, own)), lambda); // P, mapped x k
  return { W: transposed(ofTfs.solve(A)), dropped: ofTfs.dropped };
}

/** Rows of G at the columns of `own`, own.length x k; zeros where it is -1. */
export function ownScores(Gt: Matrix<Float64Array>, own: readonly number[]): Matrix<Float64Array> {
  const P = { data: new Float64Array(own.length * Gt.rows), rows: own.length, columns: Gt.rows };
  own.forEach((column, i) => {
    for (let c = 0; column >= 0 && c < Gt.rows; c++) {
      P.data[i * Gt.rows + c] = Gt.data[c * Gt.columns + column];
    }
  });
  return P;
}

/** No component of so many columns. */
function none(columns: number): Matrix<Float64Array> {
  return { data: new Float64Array(0), rows: 0, columns };
}
