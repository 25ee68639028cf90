/**
 * Bins of the hist method: XGBoost's weighted quantile sketch (Chen & Guestrin 2016, appendix), in its float32
 * arithmetic, so that the bounds are its own. A column with no more distinct values than bins gets a bin for each.
 */
import type { Matrix } from "../linalg/matrix.ts";

export interface QuantileCuts {
  /** Index of each feature's first bin; one more entry at the end. */
  readonly starts: Int32Array;
  /** Upper bound (exclusive) of each bin. */
  readonly cuts: Float32Array;
  /** A value below each feature's lowest. */
  readonly lowest: Float32Array;
}

/** Bounds of at most `maxBin` bins a column. Missing values (NaN) and rows of weight 0 do not count. */
export function quantileCuts(x: Matrix, weights: Float32Array, maxBin: number): QuantileCuts {
  const starts = new Int32Array(x.columns + 1);
  const lowest = new Float32Array(x.columns);
  const cuts: number[] = [];
  for (let feature = 0; feature < x.columns; feature++) {
    const summary = sketchColumn(x, feature, weights, maxBin);
    const n = summary.value.length;
    // XGBoost does these two sums in float64.
    const first = summary.value[0];
    lowest[feature] = n === 0 ? MARGIN : first - Math.abs(first) - MARGIN;
    const bound = Math.min(n, maxBin);
    for (let i = 1; i < bound; i++) {
      if (i === 1 || summary.value[i] > cuts[cuts.length - 1]) cuts.push(summary.value[i]);
    }
    const highest = n === 0 ? lowest[feature] : summary.value[n - 1];
    cuts.push(f32(highest + (Math.abs(highest) + MARGIN)));
    starts[feature + 1] = cuts.length;
  }
  return { starts, cuts: new Float32Array(cuts), lowest };
}

/** Bin of every value, counted over all features; -1 where it is missing. Row-major as x. */
export function binValues(x: Matrix, { starts, cuts }: QuantileCuts): Int32Array {
  const bins = new Int32Array(x.rows * x.columns);
  for (let row = 0, i = 0; row < x.rows; row++) {
    for (let feature = 0; feature < x.columns; feature++, i++) {
      const value = x.data[i];
      if (Number.isNaN(value)) {
        bins[i] = -1;
        continue;
      }
      let low = starts[feature];
      let high = starts[feature + 1];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (cuts[middle] <= value) low = middle + 1;
        else high = middle;
      }
      bins[i] = Math.min(low, starts[feature + 1] - 1);
    }
  }
  return bins;
}

const f32 = Math.fround;

/** How far the outermost bounds lie beyond the values. */
const MARGIN = f32(1e-5);

/** Summaries of more than kFactor bins a bin are kept until the last step. */
const PRECISION = 8;

/** Ascending values with bounds on their weighted ranks. */
interface Summary {
  /** Weight strictly below, weight up to and including, weight of the value itself. */
  rmin: number[];
  rmax: number[];
  wmin: number[];
  value: number[];
}

function sketchColumn(x: Matrix, feature: number, weights: Float32Array, maxBin: number): Summary {
  let present = 0;
  for (let row = 0; row < x.rows; row++) if (!Number.isNaN(x.data[row * x.columns + feature])) present++;
  if (present === 0) return emptySummary();
  const limit = limitOf(present, Math.max(1, Math.min(maxBin, present)));
  const summary = summariseAtOnce(x, feature, weights, limit) ?? sketchInTurns(x, feature, weights, limit);
  const most = prune(summary, Math.min(present, maxBin * PRECISION));
  return prune(most, Math.min(present, maxBin) + 1);
}

/**
 * What sketchInTurns() gives for a column that fits into one queue, by sorting plain numbers; null where it does not, or
 * where the order of rows shows in the result: weights other than 0 and 1 (sums round), or a zero below zero.
 */
function summariseAtOnce(x: Matrix, feature: number, weights: Float32Array, limit: number): Summary | null {
  const values = new Float32Array(Math.min(x.rows, limit * 2));
  let count = 0;
  for (let row = 0; row < x.rows; row++) {
    const value = x.data[row * x.columns + feature];
    if (Number.isNaN(value) || weights[row] === 0) continue;
    if (weights[row] !== 1 || count === values.length || Object.is(value, -0)) return null;
    values[count++] = value;
  }
  const sorted = values.subarray(0, count).sort();
  const summary = emptySummary();
  for (let i = 0; i < count;) {
    let j = i + 1;
    while (j < count && sorted[j] === sorted[i]) j++;
    append(summary, i, j, j - i, sorted[i]);
    i = j;
  }
  return prune(summary, limit);
}

function sketchInTurns(x: Matrix, feature: number, weights: Float32Array, limit: number): Summary {
  const levels: Summary[] = [];
  let queue: { value: number; weight: number }[] = [];
  for (let row = 0; row < x.rows; row++) {
    const value = x.data[row * x.columns + feature];
    if (Number.isNaN(value) || weights[row] === 0) continue;
    if (queue.length === limit * 2) {
      pushLevel(levels, summarise(queue), limit);
      queue = [];
    }
    const last = queue[queue.length - 1];
    if (last !== undefined && last.value === value) last.weight = f32(last.weight + weights[row]);
    else queue.push({ value, weight: weights[row] });
  }
  let summary = prune(summarise(queue), limit);
  for (const level of levels.slice(1)) {
    if (level.value.length === 0) continue;
    summary = summary.value.length === 0 ? level : prune(combine(summary, level), limit);
  }
  return summary;
}

/** Entries of a summary that keep the ranks of `rows` values within 1 / (8 bins). */
function limitOf(rows: number, bins: number): number {
  const epsilon = 1 / f32(f32(bins) * PRECISION);
  for (let level = 1;; level++) {
    const limit = Math.min(rows, Math.ceil(level / epsilon) + 1);
    if (2 ** level * limit >= rows) return limit;
  }
}

function emptySummary(): Summary {
  return { rmin: [], rmax: [], wmin: [], value: [] };
}

function append(to: Summary, rmin: number, rmax: number, wmin: number, value: number): void {
  to.rmin.push(f32(rmin));
  to.rmax.push(f32(rmax));
  to.wmin.push(f32(wmin));
  to.value.push(value);
}

function summarise(queue: { value: number; weight: number }[]): Summary {
  const sorted = queue.toSorted((a, b) => a.value - b.value);
  const summary = emptySummary();
  let sum = 0;
  for (let i = 0; i < sorted.length;) {
    let weight = sorted[i].weight;
    let j = i + 1;
    for (; j < sorted.length && sorted[j].value === sorted[i].value; j++) {
      weight = f32(weight + sorted[j].weight);
    }
    append(summary, sum, sum + weight, weight, sorted[i].value);
    sum = f32(sum + weight);
    i = j;
  }
  return summary;
}

/** Hand a full summary down: a level that holds one already is combined with it and, when too long, emptied. */
function pushLevel(levels: Summary[], summary: Summary, limit: number): void {
  for (let l = 1;; l++) {
    while (levels.length <= l) levels.push(emptySummary());
    if (levels[l].value.length === 0) {
      levels[l] = prune(summary, limit);
      return;
    }
    summary = combine(prune(summary, limit), levels[l]);
    if (summary.value.length <= limit) {
      levels[l] = summary;
      return;
    }
    levels[l] = emptySummary();
  }
}

/** At most `size` entries, spread evenly over the ranks; the first and the last stay. */
function prune(source: Summary, size: number): Summary {
  const length = source.value.length;
  if (length <= size) return source;
  const { rmin, rmax, wmin, value } = source;
  const pruned = emptySummary();
  const keep = (i: number) => append(pruned, rmin[i], rmax[i], wmin[i], value[i]);
  const begin = rmax[0];
  const range = f32(rmin[length - 1] - begin);
  const n = size - 1;
  keep(0);
  let i = 1;
  let last = 0;
  for (let k = 1; k < n; k++) {
    const twice = f32(2 * f32(f32(f32(k * range) / n) + begin));
    while (i < length - 1 && twice >= f32(rmax[i + 1] + rmin[i + 1])) i++;
    if (i === length - 1) break;
    const nearer = twice < f32(f32(rmin[i] + wmin[i]) + f32(rmax[i + 1] - wmin[i + 1])) ? i : i + 1;
    if (nearer !== last) keep(last = nearer);
  }
  if (last !== length - 1) keep(length - 1);
  return pruned;
}

/** Summary of the union. */
function combine(a: Summary, b: Summary): Summary {
  if (a.value.length === 0) return b;
  if (b.value.length === 0) return a;
  const both = emptySummary();
  let i = 0;
  let j = 0;
  let belowA = 0;
  let belowB = 0;
  const aboveA = a.rmax[a.rmax.length - 1];
  const aboveB = b.rmax[b.rmax.length - 1];
  while (i < a.value.length || j < b.value.length) {
    const order = i === a.value.length ? 1 : j === b.value.length ? -1 : a.value[i] - b.value[j];
    if (order === 0) {
      append(both, a.rmin[i] + b.rmin[j], a.rmax[i] + b.rmax[j], a.wmin[i] + b.wmin[j], a.value[i]);
      belowA = f32(a.rmin[i] + a.wmin[i++]);
      belowB = f32(b.rmin[j] + b.wmin[j++]);
    } else if (order < 0) {
      const above = j < b.value.length ? f32(b.rmax[j] - b.wmin[j]) : aboveB;
      append(both, a.rmin[i] + belowB, a.rmax[i] + above, a.wmin[i], a.value[i]);
      belowA = f32(a.rmin[i] + a.wmin[i++]);
    } else {
      const above = i < a.value.length ? f32(a.rmax[i] - a.wmin[i]) : aboveA;
      append(both, b.rmin[j] + belowA, b.rmax[j] + above, b.wmin[j], b.value[j]);
      belowB = f32(b.rmin[j] + b.wmin[j++]);
    }
  }
  return both;
}
