/** XGBoost's arithmetic of one node: sums in float64, gains and weights rounded to float32 where it rounds them. */
import { alpha, lambda, minChildWeight } from "./state";

/** kRtEps: a split is only made when it gains more. */
export const MIN_GAIN: f32 = 1e-6;

/** Soft threshold of the gradient sum by the L1 penalty. */
function shrink(g: f64): f64 {
  if (g > <f64> alpha) return g - <f64> alpha;
  if (g < -(<f64> alpha)) return g + <f64> alpha;
  return 0;
}

/** G^2 / (H + lambda), the division in float32. */
export function nodeGain(g: f64, h: f64): f32 {
  if (h <= 0) return 0;
  const s = shrink(g);
  return <f32> (s * s) / <f32> (h + <f64> lambda);
}

/** -G / (H + lambda), before the learning rate. */
export function nodeWeight(g: f64, h: f64): f32 {
  if (h < <f64> minChildWeight || h <= 0) return 0;
  return <f32> (-shrink(g) / (h + <f64> lambda));
}
