/** Numbers of the page: rounded to a step, as bytes that compress well, as text. `page/unpack.js` reads them. */

export interface PackedNumbers {
  /** A value is its whole number times this. */
  readonly step: number;
  /** Bytes a number has: one plane after the other, the lowest first. */
  readonly planes: number;
  readonly count: number;
  /** Deflated, base64. */
  readonly bytes: string;
}

/**
 * Pack numbers, each as its difference from `expected`, which the page knows. NaN is kept.
 *
 * @param expected whole numbers, in steps
 */
export async function packNumbers(
  values: ArrayLike<number>,
  step: number,
  expected: (index: number) => number = () => 0,
): Promise<PackedNumbers> {
  const count = values.length, codes = new Uint32Array(count);
  let largest = 0;
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(values[i])) continue; // code 0
    const most = 2 ** 30 - 1, whole = steps(values[i], step) - expected(i);
    const bounded = Math.max(-most, Math.min(most, whole));
    codes[i] = 1 + (bounded < 0 ? -2 * bounded - 1 : 2 * bounded);
    largest = Math.max(largest, codes[i]);
  }
  const planes = largest < 2 ** 8 ? 1 : largest < 2 ** 16 ? 2 : largest < 2 ** 24 ? 3 : 4;
  const bytes = new Uint8Array(planes * count);
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < count; i++) bytes[plane * count + i] = codes[i] >>> (8 * plane);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  return { step, planes, count, bytes: packed.toBase64() };
}

/** A value in whole steps. */
export function steps(value: number, step: number): number {
  return Math.round(value / step);
}
