/**
 * `numpy.argsort` of floats, ties included: NumPy's introsort is not stable, so equal keys (all NaN are equal and last)
 * come out in an order that only the same algorithm reproduces. After numpy/core/src/npysort/quicksort.cpp, `aquicksort_`.
 *
 * @returns positions in ascending order of their values
 */
export function numpyArgsort(values: Float32Array | Float64Array): Int32Array {
  const order = Int32Array.from(values, (_, i) => i);
  sortRange(values, order, 0, values.length - 1, 2 * Math.floor(Math.log2(Math.max(1, values.length))));
  return order;
}

/** Runs up to this many steps long are left to insertion sort. */
const smallRun = 15;

function sortRange(
  values: Float32Array | Float64Array,
  order: Int32Array,
  low: number,
  high: number,
  depthLeft: number,
): void {
  if (depthLeft < 0) return heapSort(values, order.subarray(low, high + 1));
  while (high - low > smallRun) {
    const pivot = partition(values, order, low, high);
    depthLeft--;
    // NumPy puts the larger part off, and looks at the depth only when it takes that up.
    if (pivot - low < high - pivot) {
      sortRange(values, order, pivot + 1, high, depthLeft);
      high = pivot - 1;
    } else {
      sortRange(values, order, low, pivot - 1, depthLeft);
      low = pivot + 1;
    }
  }
  insertionSort(values, order, low, high);
}

/** Split around the median of first, middle and last; returns where it came to stand. */
function partition(
  values: Float32Array | Float64Array,
  order: Int32Array,
  low: number,
  high: number,
): number {
  const less = (a: number, b: number) => isLess(values[order[a]], values[order[b]]);
  const swap = (a: number, b: number) => [order[a], order[b]] = [order[b], order[a]];
  const middle = low + ((high - low) >> 1);
  if (less(middle, low)) swap(middle, low);
  if (less(high, middle)) swap(high, middle);
  if (less(middle, low)) swap(middle, low);
  const pivot = values[order[middle]];
  let i = low, j = high - 1;
  swap(middle, j);
  while (true) {
    do i++; while (isLess(values[order[i]], pivot));
    do j--; while (isLess(pivot, values[order[j]]));
    if (i >= j) break;
    swap(i, j);
  }
  swap(i, high - 1);
  return i;
}

function insertionSort(
  values: Float32Array | Float64Array,
  order: Int32Array,
  low: number,
  high: number,
): void {
  for (let i = low + 1; i <= high; i++) {
    const index = order[i], key = values[index];
    let j = i;
    for (; j > low && isLess(key, values[order[j - 1]]); j--) order[j] = order[j - 1];
    order[j] = index;
  }
}

function heapSort(values: Float32Array | Float64Array, order: Int32Array): void {
  const sift = (start: number, size: number) => {
    const index = order[start];
    let i = start;
    for (let child = 2 * i + 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && isLess(values[order[child]], values[order[child + 1]])) child++;
      if (!isLess(values[index], values[order[child]])) break;
      order[i] = order[child];
      i = child;
    }
    order[i] = index;
  };
  for (let i = (order.length >> 1) - 1; i >= 0; i--) sift(i, order.length);
  for (let size = order.length - 1; size > 0; size--) {
    [order[0], order[size]] = [order[size], order[0]];
    sift(0, size);
  }
}

/** NaN is larger than any number and equal to itself. */
function isLess(a: number, b: number): boolean {
  return a < b || (Number.isNaN(b) && !Number.isNaN(a));
}
