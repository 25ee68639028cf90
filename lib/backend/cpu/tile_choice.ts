/**
 * Whether products, and those of attention, go by six rows or by four (kernels/cpu/float32/micro_kernel.ts). Which is faster depends on the processor,
 * so it is measured; the numbers are the same bits.
 */

/** Multiplications after which a measurement of a few milliseconds is worth it: a tenth of a second's work. */
const worthMeasuring = 2 ** 32;
const repeats = 5;

export class TileChoice {
  #bySix: boolean | null;
  #multiplications = 0;
  #turn = false;

  /** @param rows fixed for all products; by default what is faster */
  constructor(rows?: 4 | 6) {
    this.#bySix = rows === undefined ? null : rows === 6;
  }

  /**
   * The way for the next product. Until it is known the two take turns, so that V8 has made both fast before they are
   * measured.
   *
   * @param measure runs a product by six rows or by four, and says how long it took
   */
  bySix(multiplications: number, measure: (bySix: boolean) => number): boolean {
    if (this.#bySix !== null) return this.#bySix;
    this.#multiplications += multiplications;
    if (this.#multiplications < worthMeasuring) return this.#turn = !this.#turn;
    let four = Infinity, six = Infinity;
    try {
      for (let i = 0; i < repeats; i++) {
        four = Math.min(four, measure(false));
        six = Math.min(six, measure(true));
      }
    } catch {
      // No room to measure in must not end a product that has its own. What else is wrong, that product will tell.
      return this.#bySix = false;
    }
    return this.#bySix = six < four;
  }
}
