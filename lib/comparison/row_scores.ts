/** Metrics of one perturbation that need nothing but its own row: errors, correlations, overlaps, direction, DE recovery. */
import { row } from "../linalg/matrix.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import { correlation } from "./correlation.ts";
import { deScores } from "./de_scores.ts";
import { overlapSizes } from "./metric_list.ts";
import { MagnitudeOrder } from "./ordering.ts";

/** How many of the genes of largest effect `pearson_delta_top20` looks at. */
const topEffects = 20;

/** What does not depend on the model: made once for all of them. */
export interface TruthOrders {
  /** For each perturbation its genes of largest |Y|, one more than the largest overlap. */
  readonly byValue: Int32Array[];
  /** For each perturbation its genes of largest |Y - mu|, one more than `pearson_delta_top20` needs. */
  readonly byEffect: Int32Array[];
}

export function truthOrders({ truth, reference, foldOf }: Aligned): TruthOrders {
  const order = new MagnitudeOrder(truth.columns), byValue: Int32Array[] = [], byEffect: Int32Array[] = [];
  const effect = new Float32Array(truth.columns);
  for (let p = 0; p < truth.rows; p++) {
    const y = row(truth, p), mu = row(reference, foldOf[p]);
    const measured = (gene: number) => y[gene] === y[gene];
    byValue.push(order.sort(y, measured, overlapSizes.at(-1)! + 1).slice());
    for (let gene = 0; gene < y.length; gene++) effect[gene] = y[gene] - mu[gene];
    byEffect.push(order.sort(effect, measured, topEffects + 1).slice());
  }
  return { byValue, byEffect };
}

/** Scores of a row by name; what is undefined is NaN. */
export type RowScores = Record<string, number>;

/** Scores rows of one model, with and without the TF's own gene. */
export class RowScorer {
  readonly #order: MagnitudeOrder;
  readonly #isTop: Uint8Array;

  constructor(readonly data: Aligned, readonly orders: TruthOrders) {
    this.#order = new MagnitudeOrder(data.truth.columns);
    this.#isTop = new Uint8Array(data.truth.columns);
  }

  /** @returns all scores, and the same without the own gene (the first again where it is no read-out gene) */
  score(prediction: Matrix, p: number): { all: RowScores; ownOut: RowScores } {
    const { truth, ownGene } = this.data, y = row(truth, p), f = row(prediction, p);
    const measured = (gene: number) => y[gene] === y[gene];
    // Recovery of significant genes looks at all of them, overlaps at the largest.
    const most = this.data.significant ? Infinity : overlapSizes.at(-1)! + 1;
    const order = this.#order.sort(f, measured, most);
    const all = this.#scores(f, p, order, -1);
    const own = ownGene[p];
    if (own < 0 || !measured(own)) return { all, ownOut: all };
    return { all, ownOut: this.#scores(f, p, order, own) };
  }

  #scores(f: Float32Array, p: number, order: Int32Array, leftOut: number): RowScores {
    const { truth, reference, foldOf, significant } = this.data;
    const y = row(truth, p), mu = row(reference, foldOf[p]);
    const marks = significant?.subarray(p * truth.columns, (p + 1) * truth.columns) ?? null;
    const without = (genes: Int32Array, size: number) =>
      genes.filter((gene) => gene !== leftOut).subarray(0, size);
    return {
      ...errorsAndCorrelations({ y, f, mu, leftOut }),
      pearson_delta_top20: topEffectCorrelation({ y, f, mu }, without(this.orders.byEffect[p], topEffects)),
      ...this.#overlaps(without(this.orders.byValue[p], overlapSizes.at(-1)!), order, leftOut),
      direction_match: directionMatch({ y, f, marks, leftOut }),
      ...marks ? deScores({ y, f, marks, order, leftOut }) : {},
    };
  }

  #overlaps(trueGenes: Int32Array, order: Int32Array, leftOut: number): RowScores {
    const scores: RowScores = {},
      predicted = order.subarray(0, overlapSizes.at(-1)! + 1)
        .filter((gene) => gene !== leftOut);
    for (const size of overlapSizes) {
      const k = Math.min(size, trueGenes.length);
      let common = 0;
      for (let i = 0; i < k; i++) this.#isTop[trueGenes[i]] = 1;
      for (let i = 0; i < k; i++) common += this.#isTop[predicted[i]];
      for (let i = 0; i < k; i++) this.#isTop[trueGenes[i]] = 0;
      scores[`overlap_${size}`] = k > 0 ? common / k : NaN;
    }
    return scores;
  }
}

interface RowValues {
  readonly y: Float32Array;
  readonly f: Float32Array;
  readonly mu: Float32Array;
}

/** One pass for the means, one for the rest. */
function errorsAndCorrelations({ y, f, mu, leftOut }: RowValues & { leftOut: number }): RowScores {
  let count = 0, ySum = 0, fSum = 0, muSum = 0;
  for (let i = 0; i < y.length; i++) {
    if (y[i] !== y[i] || i === leftOut) continue;
    count++;
    ySum += y[i];
    fSum += f[i];
    muSum += mu[i];
  }
  const yMean = ySum / count, fMean = fSum / count, muMean = muSum / count;
  let absolute = 0, squares = 0, reference = 0, yy = 0, ff = 0, yf = 0, uu = 0, vv = 0, uv = 0, ySquares = 0;
  for (let i = 0; i < y.length; i++) {
    if (y[i] !== y[i] || i === leftOut) continue;
    const d = f[i] - y[i], e = mu[i] - y[i];
    absolute += Math.abs(d);
    squares += d * d;
    reference += e * e;
    ySquares += y[i] * y[i];
    const a = y[i] - yMean, b = f[i] - fMean, c = mu[i] - muMean;
    yy += a * a;
    ff += b * b;
    yf += a * b;
    // The means of the deltas are the differences of the means.
    const u = a - c, v = b - c;
    uu += u * u;
    vv += v * v;
    uv += u * v;
  }
  // A prediction that is the mean but for the rounding of its file has no delta: its r would be that of the rounding.
  const least = count * (1e-6 ** 2) * (ySquares / count);
  const r = (xy: number, xx: number, zz: number, smallest: number) =>
    count < 2 || !(xx > smallest) || !(zz > smallest)
      ? NaN
      : Math.max(-1, Math.min(1, xy / Math.sqrt(xx * zz)));
  const flat = 1e-26 * count;
  return {
    error_ratio: reference > 0 ? Math.sqrt(squares / reference) : NaN,
    pearson: r(yf, yy, ff, flat * Math.max(yMean ** 2, fMean ** 2)),
    pearson_delta: r(uv, uu, vv, least),
    rmse: Math.sqrt(squares / count),
    mae: absolute / count,
    mse: squares / count,
    l2: count > 0 ? Math.sqrt(squares) : NaN,
  };
}

function topEffectCorrelation({ y, f, mu }: RowValues, genes: Int32Array): number {
  const trueDeltas = Float64Array.from(genes, (gene) => y[gene] - mu[gene]);
  const deltas = Float64Array.from(genes, (gene) => f[gene] - mu[gene]);
  let largest = 0;
  for (const gene of genes) largest = Math.max(largest, Math.abs(y[gene]));
  return correlation(trueDeltas, deltas, 1e-6 * largest);
}

/** Share of genes whose sign is right: of the significant ones where they are known, else of all. Zero is a sign of its own. */
function directionMatch(
  { y, f, marks, leftOut }: { y: Float32Array; f: Float32Array; marks: Uint8Array | null; leftOut: number },
): number {
  let count = 0, right = 0;
  for (let i = 0; i < y.length; i++) {
    if (y[i] !== y[i] || i === leftOut || (marks && marks[i] !== 1)) continue;
    count++;
    if (Math.sign(y[i]) === Math.sign(f[i])) right++;
  }
  return right / count;
}
