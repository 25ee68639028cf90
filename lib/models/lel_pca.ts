/**
 * Linear expression model with embeddings from the data: Y - b ~ G W P', where G holds principal components of the
 * training profiles with genes as samples, and a perturbation is described by the row of G of its own gene.
 *
 * All folds share one Gram matrix of the profiles: a fold's principal components follow from its training part, centred,
 * without going back to the genes.
 */
import type { Fold } from "../dataset/kfold.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { gramOfRows, multiplyTransposed, toFloat64, transposed } from "../linalg/products.ts";
import { ridgeRight } from "../linalg/ridge.ts";
import { largestEigenpairs } from "../linalg/symmetric_eigen.ts";
import { columnsOf, type FittedLinearFold, linearTensors, meanOfRows, solvedRidge } from "./lel.ts";

export interface PcaRidgeSettings {
  /** Components of a gene embedding; cut to the number of genes and of training rows. */
  components: number;
  /** Ridge on both sides. */
  lambda: number;
}

/** A fold's model, and how many of its training rows could teach it W. */
export interface FittedPcaFold extends FittedLinearFold {
  mappedTrainingRows: number;
}

export class PcaRidge {
  readonly #values: Matrix;
  readonly #ownGene: Int32Array;
  readonly #settings: PcaRidgeSettings;
  /** Y Y', perturbations x perturbations. */
  readonly #gram: Matrix<Float64Array>;
  /** Sum of each profile over genes. */
  readonly #sums: Float64Array;

  /**
   * @param values perturbations x genes, all finite
   * @param ownGene for each perturbation the column of its own gene, -1 where that is no read-out gene
   */
  constructor(values: Matrix, ownGene: Int32Array, settings: PcaRidgeSettings) {
    this.#values = values;
    this.#ownGene = ownGene;
    this.#settings = settings;
    this.#gram = gramOfRows(toFloat64(values));
    this.#sums = new Float64Array(values.rows);
    values.data.forEach((value, at) => this.#sums[Math.floor(at / values.columns)] += value);
  }

  fit({ train }: Fold): FittedPcaFold {
    const { columns: genes } = this.#values, { lambda } = this.#settings;
    const baseline = meanOfRows(this.#values, train);
    const mapped = Int32Array.from(train.keys()).filter((i) => this.#ownGene[train[i]] >= 0);
    if (mapped.length < 2) {
      return this.#fitted(baseline, emptyMatrix(0, genes), emptyMatrix(0, 0), mapped.length);
    }

    const { gram, offsets } = this.#centredGram(train);
    const count = Math.min(this.#settings.components, genes, train.length);
    const { values: squares, vectors } = largestEigenpairs(gram, count);
    const Gt = this.#scores(train, vectors, baseline, offsets);

    const Pt = columnsOf(Gt, Array.from(mapped, (i) => this.#ownGene[train[i]])); // k x mapped
    // A = (G'G + lambda I)^-1 G'Y: G'G is diagonal, and G'Y = G'G V' since columns of G sum to 0.
    const A = columnsOf(vectors, mapped);
    for (let c = 0; c < count; c++) {
      const square = Math.max(0, squares[c]), shrink = square > 0 ? square / (square + lambda) : 0;
      for (let i = 0; i < mapped.length; i++) A.data[c * mapped.length + i] *= shrink;
    }
    const W = solvedRidge(lambda, () => ridgeRight(A, Pt, lambda));
    return this.#fitted(baseline, Gt, W, mapped.length);
  }

  /**
   * X'X for X = training profiles (genes x perturbations) centred by gene, then by perturbation.
   *
   * @returns it, and the mean over genes that each perturbation lost in the second step
   */
  #centredGram(train: Int32Array): { gram: Matrix<Float64Array>; offsets: Float64Array } {
    const n = train.length, genes = this.#values.columns, all = this.#gram;
    const data = new Float64Array(n * n), rowMeans = new Float64Array(n), offsets = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const value = data[i * n + j] = all.data[train[i] * all.columns + train[j]];
        rowMeans[i] += value / n;
      }
      offsets[i] = this.#sums[train[i]] / genes;
    }
    const grandMean = mean(rowMeans), meanOffset = mean(offsets);
    for (let i = 0; i < n; i++) offsets[i] -= meanOffset;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        data[i * n + j] += grandMean - rowMeans[i] - rowMeans[j] - genes * offsets[i] * offsets[j];
      }
    }
    return { gram: { data, rows: n, columns: n }, offsets };
  }

  /** G', components x genes: X V for the centred training profiles X. */
  #scores(
    train: Int32Array,
    vectors: Matrix<Float64Array>,
    baseline: Float64Array,
    offsets: Float64Array,
  ): Matrix<Float64Array> {
    const { data: Y, columns: genes } = this.#values, scores = emptyMatrix(vectors.rows, genes);
    for (let c = 0; c < vectors.rows; c++) {
      const component = scores.data.subarray(c * genes, (c + 1) * genes);
      const weights = vectors.data.subarray(c * train.length, (c + 1) * train.length);
      let weightSum = 0, shift = 0;
      weights.forEach((weight, i) => {
        weightSum += weight;
        shift += weight * offsets[i];
        addScaled(component, weight, Y, train[i] * genes);
      });
      for (let g = 0; g < genes; g++) component[g] -= weightSum * baseline[g] + shift;
    }
    return scores;
  }

  #fitted(
    baseline: Float64Array,
    Gt: Matrix<Float64Array>,
    W: Matrix<Float64Array>,
    mappedTrainingRows: number,
  ): FittedPcaFold {
    const genes = this.#values.columns, count = Gt.rows;
    return {
      mappedTrainingRows,
      note: `${mappedTrainingRows} training perturbations, ${count} components`,
      predict: (rows) => {
        const predictions = new Float32Array(rows.length * genes), profile = new Float64Array(genes);
        rows.forEach((row, i) => {
          profile.set(baseline);
          const own = this.#ownGene[row];
          for (let c = 0; own >= 0 && c < count; c++) {
            let coordinate = 0;
            for (let d = 0; d < count; d++) coordinate += W.data[c * count + d] * Gt.data[d * genes + own];
            addScaled(profile, coordinate, Gt.data, c * genes);
          }
          predictions.set(profile, i * genes);
        });
        return { data: predictions, rows: rows.length, columns: genes };
      },
      tensors: () => {
        const G = transposed(Gt);
        const tensors = new Map(linearTensors(baseline, multiplyTransposed(G, transposed(W))));
        tensors.set("gene_embeddings", { shape: [genes, count], data: Float32Array.from(G.data) });
        return tensors;
      },
    };
  }
}

/** target += factor times the elements of `source` from `start` on. */
function addScaled(
  target: Float64Array,
  factor: number,
  source: Float32Array | Float64Array,
  start: number,
): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * source[start + i];
}

function emptyMatrix(rows: number, columns: number): Matrix<Float64Array> {
  return { data: new Float64Array(rows * columns), rows, columns };
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
