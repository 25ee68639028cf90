/**
 * Pearson's r of two lists.
 *
 * @returns NaN for fewer than two values and where a side does not vary: to `least`, the largest difference from its mean
 *   that counts as none
 */
export function correlation(x: ArrayLike<number>, y: ArrayLike<number>, least = 0): number {
  const count = x.length;
  if (count < 2) return NaN;
  let xSum = 0, ySum = 0;
  for (let i = 0; i < count; i++) {
    xSum += x[i];
    ySum += y[i];
  }
  const xMean = xSum / count, yMean = ySum / count;
  let xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < count; i++) {
    const dx = x[i] - xMean, dy = y[i] - yMean;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (isConstant(x, xMean, xx, least) || isConstant(y, yMean, yy, least)) return NaN;
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
}

/** Rounding of the mean leaves squares of a constant list at about (1e-16 of its value)^2. */
function isConstant(values: ArrayLike<number>, mean: number, squares: number, least: number): boolean {
  const step = Math.max(least, 1e-13 * Math.abs(mean));
  return squares <= values.length * step * step;
}
