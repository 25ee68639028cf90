/**
 * Folds that keep groups together, equal index for index to scikit-learn's `GroupKFold` and `StratifiedGroupKFold` (1.9):
 * no group has rows on both sides of a fold. Groups and strata are numbers from 0 by the order of their names, as of
 * `numpy.unique`.
 */
import { RandomState } from "../random/mt19937.ts";
import { complement, type Fold } from "./kfold.ts";

/**
 * `GroupKFold(folds)`: the largest group first, each into the fold that has the fewest rows so far. No chance in it.
 *
 * @param groups of each row; at least as many as folds
 */
export function groupKFold(groups: Int32Array, folds: number): Fold[] {
  const sizes = countsOf(groups), rowsOfFold = new Float64Array(folds), foldOf = new Int32Array(sizes.length);
  const order = Array.from(sizes.keys()).sort((a, b) => sizes[b] - sizes[a] || b - a);
  for (const group of order) {
    const lightest = rowsOfFold.indexOf(Math.min(...rowsOfFold));
    rowsOfFold[lightest] += sizes[group];
    foldOf[group] = lightest;
  }
  return foldsOf(groups, foldOf, folds);
}

/** `GroupKFold(folds, shuffle=True, random_state=seed)`: the groups in random order, as many a fold. */
export function shuffledGroupKFold(groups: Int32Array, folds: number, seed: number): Fold[] {
  const count = countsOf(groups).length, shuffled = new RandomState(seed).permutation(count);
  const foldOf = new Int32Array(count);
  for (let fold = 0, next = 0; fold < folds; fold++) {
    const size = Math.floor(count / folds) + (fold < count % folds ? 1 : 0);
    for (const group of shuffled.subarray(next, next += size)) foldOf[group] = fold;
  }
  return foldsOf(groups, foldOf, folds);
}

/**
 * `StratifiedGroupKFold(folds, shuffle, random_state)`: the groups that are most uneven in strata first, each into the fold
 * where the shares of the strata stay most even over folds.
 *
 * @param strata class of each row
 * @param seed null does not shuffle
 */
export function stratifiedGroupKFold(
  groups: Int32Array,
  strata: Int32Array,
  folds: number,
  seed: number | null,
): Fold[] {
  const groupCount = countsOf(groups).length, totals = countsOf(strata), classes = totals.length;
  const counts = Array.from({ length: groupCount }, () => new Float64Array(classes));
  groups.forEach((group, row) => counts[group][strata[row]]++);
  const shuffled = Int32Array.from({ length: groupCount }, (_, group) => group);
  if (seed !== null) new RandomState(seed).shuffle(shuffled);
  const spread = counts.map((ofGroup) => standardDeviation(ofGroup));
  const order = Array.from(shuffled).sort((a, b) => spread[b] - spread[a]); // stable: as shuffled where equal

  const inFold = Array.from({ length: folds }, () => new Float64Array(classes));
  const foldOf = new Int32Array(groupCount);
  for (const group of order) {
    const fold = mostEvenFold(inFold, counts[group], totals);
    counts[group].forEach((count, stratum) => inFold[fold][stratum] += count);
    foldOf[group] = fold;
  }
  return foldsOf(groups, foldOf, folds);
}

/** The fold that a group leaves most even; of those that are as good (numpy.isclose) the one with the fewest rows. */
function mostEvenFold(
  inFold: readonly Float64Array[],
  ofGroup: Float64Array,
  totals: Int32Array,
): number {
  let best = 0, least = Infinity, fewestRows = Infinity;
  for (const [fold, now] of inFold.entries()) {
    const uneven = ofGroup.map((_, stratum) =>
      standardDeviation(
        Float64Array.from(
          inFold,
          (counts, f) => (counts[stratum] + (f === fold ? ofGroup[stratum] : 0)) / totals[stratum],
        ),
        sumInOrder,
      )
    );
    const value = pairwiseSum(uneven) / uneven.length, rows = pairwiseSum(now);
    const isAsGood = least < Infinity && Math.abs(value - least) <= 1e-8 + 1e-5 * Math.abs(least);
    if (value < least || (isAsGood && rows < fewestRows)) [best, least, fewestRows] = [fold, value, rows];
  }
  return best;
}

/** Rows of each number. */
function countsOf(numbers: Int32Array): Int32Array {
  const counts = new Int32Array(numbers.reduce((most, number) => Math.max(most, number + 1), 0));
  for (const number of numbers) counts[number]++;
  return counts;
}

function foldsOf(groups: Int32Array, foldOf: Int32Array, folds: number): Fold[] {
  return Array.from({ length: folds }, (_, fold) => {
    const test = Int32Array.from(groups.keys()).filter((row) => foldOf[groups[row]] === fold);
    return { train: complement(test, groups.length), test };
  });
}

/** Of a population. @param sum in NumPy's order of additions: in pairs along a row, one by one down a column */
function standardDeviation(
  values: Float64Array,
  sum: (values: Float64Array) => number = pairwiseSum,
): number {
  const mean = sum(values) / values.length;
  return Math.sqrt(sum(values.map((value) => (value - mean) * (value - mean))) / values.length);
}

function sumInOrder(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** The sum in the order in which NumPy adds: ties between groups fall by the last bit. */
function pairwiseSum(values: Float64Array): number {
  const n = values.length;
  if (n < 8) return sumInOrder(values);
  if (n > 128) {
    const half = Math.floor(n / 2), middle = half - half % 8;
    return pairwiseSum(values.subarray(0, middle)) + pairwiseSum(values.subarray(middle));
  }
  const r = values.slice(0, 8);
  let i = 8;
  for (; i + 8 <= n; i += 8) for (let j = 0; j < 8; j++) r[j] += values[i + j];
  let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < n; i++) sum += values[i];
  return sum;
}
