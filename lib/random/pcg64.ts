import { SeedSequence, wordsOf } from "./seed_sequence.ts";

/** The generator that NumPy's `default_rng(seed)` makes, equal number for number. @throws {RangeError} for a negative seed */
export function defaultRng(seed: number | bigint): Pcg64 {
  const words = new SeedSequence(wordsOf(seed)).words(8);
  const uint64 = (i: number) => BigInt(words[2 * i + 1]) << 32n | BigInt(words[2 * i]);
  return new Pcg64(uint64(0) << 64n | uint64(1), uint64(2) << 64n | uint64(3));
}

/** The multiplier 0x2360ed051fc65da44385df649fccf645 in limbs of 16 bits, the lowest first. */
const multiplier = [0xf645, 0x9fcc, 0xdf64, 0x4385, 0x5da4, 0x1fc6, 0xed05, 0x2360];
const mask128 = (1n << 128n) - 1n;

/** PCG-XSL-RR 128/64 (O'Neill 2014). */
export class Pcg64 {
  /** 128-bit state and increment in limbs of 32 bits, the lowest first. */
  readonly #state: Uint32Array;
  readonly #increment: Uint32Array;
  /** The latest output, in two halves. */
  #low = 0;
  #high = 0;
  /** The high half of the latest output when `uint32` has given out the low half only, else -1. */
  #kept = -1;

  constructor(initialState: bigint, sequence: bigint) {
    const increment = (sequence << 1n | 1n) & mask128;
    this.#increment = limbs(increment);
    this.#state = limbs((increment + initialState) & mask128);
    this.#step();
  }

  /** State and increment, as NumPy's `bit_generator.state` shows them. */
  get state(): { state: bigint; increment: bigint } {
    return { state: wholeOf(this.#state), increment: wholeOf(this.#increment) };
  }

  /** A whole number from 0 to 2^64 - 1. */
  uint64(): bigint {
    this.#advance();
    return BigInt(this.#high) << 32n | BigInt(this.#low);
  }

  /** A whole number from 0 to 2^32 - 1; two calls share one step, the low half first, as in NumPy. */
  uint32(): number {
    if (this.#kept >= 0) {
      const kept = this.#kept;
      this.#kept = -1;
      return kept;
    }
    this.#advance();
    this.#kept = this.#high;
    return this.#low;
  }

  /**
   * `integers(low, high, size)`: whole numbers from `low` to `high` - 1, by Lemire's multiplication with rejection
   * (Lemire 2019) on 32 bits.
   *
   * @throws {RangeError} unless -2^31 <= low < high <= 2^31
   */
  integers(low: number, high: number, size: number): Int32Array {
    if (!(low === (low | 0) && Number.isInteger(high) && high <= 2 ** 31 && low < high)) {
      throw new RangeError(`integers: ${low} to ${high} is no range of 32-bit integers`);
    }
    const range = high - low, draws = new Int32Array(size);
    if (range === 1) return draws.fill(low);
    if (range === 2 ** 32) return draws.map(() => low + this.uint32());
    const threshold = 2 ** 32 % range;
    for (let i = 0; i < size; i++) {
      let product: number, leftover: number;
      do {
        const word = this.uint32();
        // word * range can take 64 bits: its high half in floating point would round.
        const upper = (word >>> 16) * range, lower = (word & 0xffff) * range;
        const carry = upper % 65536 * 65536 + lower;
        leftover = carry % 2 ** 32;
        product = Math.floor(upper / 65536) + Math.floor(carry / 2 ** 32);
      } while (leftover < threshold);
      draws[i] = low + product;
    }
    return draws;
  }

  /** Next output: the state steps, its halves are xored and rotated by its top six bits. */
  #advance(): void {
    this.#step();
    const [s0, s1, s2, s3] = this.#state;
    const low = s0 ^ s2, high = s1 ^ s3, rotation = s3 >>> 26;
    const [a, b] = rotation & 32 ? [high, low] : [low, high];
    const bits = rotation & 31;
    this.#low = bits === 0 ? a >>> 0 : (a >>> bits | b << (32 - bits)) >>> 0;
    this.#high = bits === 0 ? b >>> 0 : (b >>> bits | a << (32 - bits)) >>> 0;
  }

  /** state = state * multiplier + increment mod 2^128, in columns of 16 bits: each sum stays below 2^52 and is exact. */
  #step(): void {
    const state = this.#state, increment = this.#increment;
    const [s0, s1, s2, s3] = state;
    let carry = 0;
    for (let column = 0; column < 8; column += 2) {
      const limb = column >> 1;
      let even = carry + (increment[limb] & 0xffff) + s0 * multiplier[column];
      let odd = (increment[limb] >>> 16) + s0 * multiplier[column + 1];
      if (limb >= 1) {
        even += s1 * multiplier[column - 2];
        odd += s1 * multiplier[column - 1];
      }
      if (limb >= 2) {
        even += s2 * multiplier[column - 4];
        odd += s2 * multiplier[column - 3];
      }
      if (limb >= 3) {
        even += s3 * multiplier[column - 6];
        odd += s3 * multiplier[column - 5];
      }
      odd += Math.floor(even / 65536);
      carry = Math.floor(odd / 65536);
      state[limb] = even % 65536 + odd % 65536 * 65536;
    }
  }
}

function limbs(value: bigint): Uint32Array {
  return Uint32Array.from({ length: 4 }, (_, i) => Number(value >> BigInt(32 * i) & 0xffffffffn));
}

function wholeOf(limbs: Uint32Array): bigint {
  return limbs.reduceRight((whole, limb) => whole << 32n | BigInt(limb), 0n);
}
