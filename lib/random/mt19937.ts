const N = 624, M = 397;

/**
 * NumPy's legacy `RandomState`: the Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), equal number for number.
 *
 * scikit-learn draws its shuffles from it. A number seeds as `RandomState(seed)` does; an array seeds as
 * `RandomState([..])` does (init_by_array).
 */
export class RandomState {
  readonly #words = new Uint32Array(N);
  #next = N;

  /** @throws {RangeError} unless the seed is an integer, or several, from 0 to 2^32 - 1 */
  constructor(seed: number | readonly number[]) {
    const seeds = typeof seed === "number" ? [seed] : seed;
    if (seeds.length === 0 || seeds.some((word) => word !== word >>> 0)) {
      throw new RangeError(`RandomState: seed ${seed} is not an integer from 0 to ${2 ** 32 - 1}`);
    }
    if (typeof seed === "number") this.#seedBy(seed);
    else this.#seedByArray(seed);
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#next === N) this.#generate();
    let word = this.#words[this.#next++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** A float64 in [0, 1) with 53 random bits: `random_sample()`. */
  random(): number {
    const high = this.uint32() >>> 5, low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A whole number from 0 to `max`, both included, by masks and rejection: NumPy's `random_interval`. */
  interval(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** Shuffle in place: `shuffle` of a one-dimensional array. */
  shuffle<T extends unknown[] | Int32Array | Float32Array | Float64Array>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.interval(i);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }

  /** 0 to count - 1 in random order: `permutation(count)`. */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, i) => i));
  }

  #seedBy(seed: number): void {
    const words = this.#words;
    words[0] = seed;
    for (let i = 1; i < N; i++) words[i] = Math.imul(1812433253, words[i - 1] ^ (words[i - 1] >>> 30)) + i;
    this.#next = N;
  }

  #seedByArray(key: readonly number[]): void {
    const words = this.#words;
    this.#seedBy(19650218);
    let i = 1, j = 0;
    const mixed = (factor: number) => words[i] ^ Math.imul(words[i - 1] ^ (words[i - 1] >>> 30), factor);
    const advance = () => {
      if (++i < N) return;
      words[0] = words[N - 1];
      i = 1;
    };
    for (let step = Math.max(N, key.length); step > 0; step--) {
      words[i] = mixed(1664525) + key[j] + j;
      advance();
      j = (j + 1) % key.length;
    }
    for (let step = N - 1; step > 0; step--) {
      words[i] = mixed(1566083941) - i;
      advance();
    }
    words[0] = 0x80000000;
  }

  #generate(): void {
    const words = this.#words;
    for (let i = 0; i < N; i++) {
      const joined = (words[i] & 0x80000000) | (words[(i + 1) % N] & 0x7fffffff);
      words[i] = words[(i + M) % N] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}
