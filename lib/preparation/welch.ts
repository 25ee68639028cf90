/** Differential expression: Welch's t test from means and variances, and Benjamini and Hochberg's adjustment. */

export interface Sample {
  readonly mean: number;
  /** With n - 1. */
  readonly variance: number;
  readonly rows: number;
}

/**
 * Two-sided p of equal means, variances unequal (Welch 1947), as scipy's ttest_ind(equal_var=False).
 *
 * @returns NaN where a side has fewer than two rows, or neither varies and the means agree; 0 where only the latter differ
 */
export function welchP(a: Sample, b: Sample): number {
  if (!(a.rows > 1 && b.rows > 1)) return NaN;
  const partA = a.variance / a.rows, partB = b.variance / b.rows, sum = partA + partB;
  const difference = a.mean - b.mean;
  if (!(sum > 0)) return difference === 0 ? NaN : 0;
  const freedom = sum ** 2 / (partA ** 2 / (a.rows - 1) + partB ** 2 / (b.rows - 1));
  return studentP(difference ** 2 / sum, freedom);
}

/** P(|T| > t) of Student's t. @param squared t squared */
export function studentP(squared: number, freedom: number): number {
  return incompleteBeta(freedom / 2, 0.5, freedom / (freedom + squared));
}

/** Adjusted p (Benjamini and Hochberg 1995), in place; NaN is no test. */
export function adjustBh(p: Float32Array | Float64Array): void {
  const order = Array.from(p.keys()).filter((i) => !Number.isNaN(p[i])).sort((i, j) => p[j] - p[i]);
  let least = 1;
  order.forEach((at, i) => {
    least = Math.min(least, p[at] * order.length / (order.length - i));
    p[at] = least;
  });
}

/** I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated as Lentz did. */
function incompleteBeta(a: number, b: number, x: number): number {
  if (!(x > 0)) return Number.isNaN(x) ? NaN : 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? front * continuedFraction(a, b, x) / a
    : 1 - front * continuedFraction(b, a, 1 - x) / b;
}

function continuedFraction(a: number, b: number, x: number): number {
  const tiny = 1e-300, bounded = (value: number) => Math.abs(value) < tiny ? tiny : value;
  let c = 1, d = 1 / bounded(1 - (a + b) * x / (a + 1)), result = d;
  for (let m = 1; m <= 500; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / bounded(1 + even * d);
    c = bounded(1 + even / c);
    result *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / bounded(1 + odd * d);
    c = bounded(1 + odd / c);
    const step = d * c;
    result *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return result;
}

/** ln of the gamma function, Lanczos' series with g = 7 and nine terms (error below 1e-14). */
function logGamma(x: number): number {
  const terms = [
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1, t = shifted + 7.5;
  let sum = 0.99999999999980993;
  terms.forEach((term, i) => sum += term / (shifted + i + 1));
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}
