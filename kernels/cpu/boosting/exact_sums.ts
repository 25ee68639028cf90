/** Whether sums of this tree's gradients and hessians round nothing, whatever their order. */
import { gradients, rows } from "./state";

export function sumExactly(): bool {
  return sumsToTheBit(gradients) && sumsToTheBit(gradients + 8);
}

/**
 * Float32 values are whole multiples of the last bit set in any of them, and so are sums of some of them; float64 holds
 * those to the last bit while they are below 2^53 of these units. True where the sum of all magnitudes stays below half
 * of that. False where a value is infinite or NaN.
 */
function sumsToTheBit(values: usize): bool {
  let sum: f64 = 0;
  let unit = 1023;
  for (let row = 0; row < rows; row++) {
    const value = load<f64>(values + (<usize> row << 4));
    if (value == 0) continue;
    sum += abs(value);
    const bits = reinterpret<u64>(value);
    // The last bit's exponent, as float64 has it (1023 is 2^0); no float32 is below the normal numbers of float64.
    const exponent = <i32> ((bits >> 52) & 0x7ff) - 52 + <i32> ctz<u64>(bits | (1 << 52));
    unit = min(unit, exponent);
  }
  return sum <= reinterpret<f64>(<u64> (unit + 52) << 52);
}
