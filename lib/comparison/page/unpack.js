/** Reads what `packed.ts` wrote. Runs in the page and in Deno. */
// @ts-check

/**
 * @param {{ step: number, planes: number, count: number, bytes: string }} packed
 * @param {(index: number) => number} [expected] whole numbers that values were packed against
 * @returns {Promise<Float64Array>} values, NaN where there is none
 */
export async function unpackNumbers({ step, planes, count, bytes }, expected = () => 0) {
  const packed = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const values = new Float64Array(count), digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const scale = 10 ** digits, wholeStep = Math.round(step * scale);
  for (let i = 0; i < count; i++) {
    let code = 0;
    for (let plane = planes - 1; plane >= 0; plane--) code = code * 256 + raw[plane * count + i];
    if (code === 0) {
      values[i] = NaN;
      continue;
    }
    const zigzag = code - 1, whole = zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
    // Decimal steps are no binary fractions: whole multiples divided by a power of ten are the nearest numbers.
    values[i] = wholeStep > 0 ? (whole + expected(i)) * wholeStep / scale : (whole + expected(i)) * step;
  }
  return values;
}
