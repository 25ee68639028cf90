/** The functions that float64 references need and JavaScript lacks. */

/** Error function, to about 1e-15: the power series near zero, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size > 0)) return x;
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x, sum = x;
    for (let n = 1; n < 100; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
      if (Math.abs(term) < 1e-18 * Math.abs(sum)) break;
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = size;
  for (let n = 120; n >= 1; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / fraction);
}

/** Both output words of Threefry-2x32-20 (Salmon et al. 2011, table 2). */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
): [number, number] {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const keys = [key0 | 0, key1 | 0, 0x1bd11bda ^ key0 ^ key1];
  let x0 = (counter0 + keys[0]) | 0, x1 = (counter1 + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    x0 = (x0 + x1) | 0;
    const turn = rotations[round % 8];
    x1 = ((x1 << turn) | (x1 >>> (32 - turn))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[injection % 3]) | 0;
      x1 = (x1 + keys[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** Complex FFT in place, radix 2; the length must be a power of two. `sign` -1 is forward, +1 the inverse without 1/n. */
export function fft(re: Float64Array, im: Float64Array, sign: -1 | 1): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(2 * Math.PI * k / size), s = sign * Math.sin(2 * Math.PI * k / size);
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const tr = re[j] * c - im[j] * s, ti = re[j] * s + im[j] * c;
        re[j] = re[i] - tr;
        im[j] = im[i] - ti;
        re[i] += tr;
        im[i] += ti;
      }
    }
  }
}
