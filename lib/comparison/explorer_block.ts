/** The values that the page holds: those genes that matter most to some perturbation, as many as fit. */
import type { Matrix } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import type { TruthOrders } from "./row_scores.ts";

/** Bytes of all values in the page, compressed; base64 makes a third more of them. */
const mostBytes = 4.9e6;
/** What a value takes, compressed: 6 to 7 bits where errors are of the size of the data. */
const bytesEach = 0.92;

export class ExplorerBlock {
  /** Columns of the genes, ascending. */
  genes: Int32Array;
  /** Values are rounded to multiples of it: 1, 2 or 5 times a power of ten, a fortieth of the data's size or less. */
  readonly step: number;
  /** All of the largest this many genes of every perturbation are held. */
  complete: number;
  /** Columns of the genes, those that matter most first. */
  #order: number[];
  readonly #ranks: Float64Array;
  readonly #truth: Matrix;
  #predictions: Float32Array[] = [];

  constructor(data: Aligned, orders: TruthOrders, models: number) {
    const { rows, columns } = data.truth;
    const most = Math.max(1, Math.floor(mostBytes / (bytesEach * rows * (models + 1))));
    this.#ranks = bestRanks(data, orders);
    this.#order = Array.from(this.#ranks.keys()).sort((a, b) => this.#ranks[a] - this.#ranks[b] || a - b)
      .slice(0, most);
    this.genes = Int32Array.from(this.#order).sort();
    this.complete = completeUpTo(this.#ranks, this.#order, columns);
    this.step = stepFor(data.truth.data);
    this.#truth = data.truth;
  }

  /** Keep a model's values of the genes. */
  add(prediction: Matrix): void {
    this.#predictions.push(this.#taken(prediction));
  }

  /** Keep the `count` genes that matter most of those that are there. */
  keep(count: number): void {
    const before = this.genes;
    this.#order = this.#order.slice(0, Math.max(1, count));
    this.genes = Int32Array.from(this.#order).sort();
    this.complete = completeUpTo(this.#ranks, this.#order, this.#truth.columns);
    const places = Array.from(this.genes, (gene) => before.indexOf(gene)), each = before.length;
    this.#predictions = this.#predictions.map((values) =>
      Float32Array.from(
        { length: this.#truth.rows * places.length },
        (_, i) => values[Math.floor(i / places.length) * each + places[i % places.length]],
      )
    );
  }

  /** perturbations x genes of the block: the measurement, then each model. */
  get measured(): Float32Array {
    return this.#taken(this.#truth);
  }

  get predictions(): readonly Float32Array[] {
    return this.#predictions;
  }

  #taken({ data, rows, columns }: Matrix): Float32Array {
    const taken = new Float32Array(rows * this.genes.length);
    for (let row = 0, at = 0; row < rows; row++) {
      for (const gene of this.genes) taken[at++] = data[row * columns + gene];
    }
    return taken;
  }
}

/** For each gene the best place among the largest of any perturbation; genes that are in no list come last. */
function bestRanks({ truth }: Aligned, { byValue }: TruthOrders): Float64Array {
  const ranks = new Float64Array(truth.columns).fill(Infinity);
  for (const genes of byValue) genes.forEach((gene, rank) => ranks[gene] = Math.min(ranks[gene], rank));
  return ranks.map((rank) => rank === Infinity ? Number.MAX_SAFE_INTEGER : rank);
}

function completeUpTo(ranks: Float64Array, taken: readonly number[], columns: number): number {
  if (taken.length === columns) return columns;
  const inside = new Set(taken);
  let least = Infinity;
  ranks.forEach((rank, gene) => {
    if (!inside.has(gene)) least = Math.min(least, rank);
  });
  return least === Number.MAX_SAFE_INTEGER ? 201 : least;
}

function stepFor(values: Float32Array): number {
  let squares = 0, count = 0;
  for (const value of values) {
    if (value !== value) continue;
    squares += value * value;
    count++;
  }
  const size = count > 0 && squares > 0 ? Math.sqrt(squares / count) / 40 : 1e-3;
  const power = 10 ** Math.floor(Math.log10(size));
  return Number(([5, 2, 1].find((times) => times * power <= size * (1 + 1e-9))! * power).toPrecision(1));
}
