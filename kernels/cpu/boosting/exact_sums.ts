/** Whether sums of this tree's gradients round nothing, whatever their order. */
import { gradients, rows } from "./state";

/**
 * Gradients are whole multiples of the last bit set in any of them, and so are sums of some of them; float64 holds
 * those to the last bit while they are below 2^53 of these units. True where the sum of all magnitudes stays below half
 * of that. Hessians are taken to be 0 or 1. False where a gradient is infinite or NaN.
 */
export function areSumsExact(): bool {
  let sum: f64 = 0;
  let unit = 1023;
  for (let row = 0; row < rows; row++) {
    const g = load<f64>(gradients + (<usize> row << 4));
    if (g == 0) continue;
    sum += abs(g);
    const bits = reinterpret<u64>(g);
    // The last bit's exponent, as float64 has it (1023 is 2^0); no float32 is below the normal numbers of float64.
    const exponent = <i32> ((bits >> 52) & 0x7ff) - 52 + <i32> ctz<u64>(bits | (1 << 52));
    unit = min(unit, exponent);
  }
  return sum <= reinterpret<f64>(<u64> (unit + 52) << 52);
}
