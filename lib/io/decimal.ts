/** 10^0 to 10^308, each the nearest float64. */
const powersOfTen = Float64Array.from({ length: 309 }, (_, exponent) => Number(`1e${exponent}`));

const ZERO = 48,
  NINE = 57,
  POINT = 46,
  PLUS = 43,
  MINUS = 45,
  UPPER_E = 69,
  LOWER_E = 101,
  SPACE = 32,
  TAB = 9;

/**
 * The decimal number in `source[start, end)`, spaces around it allowed: rounded to the nearest float64, then to
 * float32. NaN if there is anything else (also for the words nan and inf).
 *
 * Up to 2^53 and a power of ten up to 22, one multiplication or division is exact to the last place (Clinger 1990).
 * Longer numbers are computed with a relative error below 2^-49, which settles all but a few float32 in 10^8; those
 * few, and exponents near the ends of the range, are left to `Number`.
 */
export function parseFloat32(source: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (source[at] === SPACE || source[at] === TAB)) at++;
  while (end > at && (source[end - 1] === SPACE || source[end - 1] === TAB)) end--;
  const first = at;
  let negative = false;
  if (source[at] === MINUS || source[at] === PLUS) negative = source[at++] === MINUS;

  let mantissa = 0, exponent = 0, digits = 0;
  const integerStart = at;
  for (; at < end; at++) {
    const digit = source[at] - ZERO;
    if (digit < 0 || digit > 9) break;
    mantissa = mantissa * 10 + digit;
  }
  digits = at - integerStart;
  if (at < end && source[at] === POINT) {
    const fractionStart = ++at;
    for (; at < end; at++) {
      const digit = source[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      mantissa = mantissa * 10 + digit;
    }
    exponent = fractionStart - at;
    digits -= exponent;
  }
  if (digits === 0) return NaN;
  if (at < end) {
    const written = writtenExponent(source, at, end);
    if (Number.isNaN(written)) return NaN;
    exponent += written;
  }

  if (mantissa <= Number.MAX_SAFE_INTEGER && exponent >= -22 && exponent <= 22) {
    const value = exponent < 0 ? mantissa / powersOfTen[-exponent] : mantissa * powersOfTen[exponent];
    return Math.fround(negative ? -value : value);
  }
  if (digits <= 19 && exponent >= -280 && exponent <= 280) {
    const value = exponent < 0 ? mantissa / powersOfTen[-exponent] : mantissa * powersOfTen[exponent];
    const low = Math.fround(value * (1 - 2 ** -49)), high = Math.fround(value * (1 + 2 ** -49));
    if (low === high) return negative ? -low : low;
  }
  return Math.fround(Number(new TextDecoder().decode(source.subarray(first, end))));
}

/** The e-part that starts at `at` and must fill the rest; NaN if it does not. */
function writtenExponent(source: Uint8Array, at: number, end: number): number {
  if (source[at] !== LOWER_E && source[at] !== UPPER_E) return NaN;
  at++;
  const negative = source[at] === MINUS;
  if (negative || source[at] === PLUS) at++;
  if (at >= end) return NaN;
  let value = 0;
  for (; at < end; at++) {
    if (source[at] < ZERO || source[at] > NINE) return NaN;
    value = Math.min(99999, value * 10 + source[at] - ZERO);
  }
  return negative ? -value : value;
}
