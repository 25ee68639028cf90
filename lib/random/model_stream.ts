import { SeedSequence, wordsOf } from "./seed_sequence.ts";

/**
 * The random numbers behind initial weights, shuffles and made-up data: the same seed and label give the same numbers
 * on every machine.
 *
 * The generator is sfc32 (Doty-Humphrey's Small Fast Counting, 128 bits of state, passes PractRand), its state spread
 * from seed and label by NumPy's SeedSequence. It makes no claim to equal PyTorch's or NumPy's numbers.
 */
export class ModelStream {
  readonly #seed: number;
  readonly #label: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /**
   * @param seed a whole number from 0 on
   * @param label what the stream is for ("fold 3", "weights"): another label, other numbers
   * @throws {RangeError} for a negative seed
   */
  constructor(seed: number, label = "") {
    this.#seed = seed;
    this.#label = label;
    const words = wordsOf(seed), text = new TextEncoder().encode(label);
    // Lengths before contents: no two pairs of seed and label give the same words.
    [this.#a, this.#b, this.#c] = new SeedSequence([words.length, ...words, text.length, ...text]).words(3);
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A stream of its own for a part of the work. It does not depend on what was drawn from this one. */
  derive(label: string): ModelStream {
    return new ModelStream(this.#seed, `${this.#label}/${label}`);
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21 | this.#c >>> 11) + sum) | 0;
    return sum >>> 0;
  }

  /** A float64 in [0, 1), 53 random bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** A float64 from the standard normal distribution (Marsaglia's polar method). */
  normal(): number {
    for (;;) {
      const x = 2 * this.uniform() - 1, y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * Math.sqrt(-2 * Math.log(square) / square);
    }
  }

  /** A whole number from 0 to `count` - 1, every one as likely. `count` is 1 to 2^32. */
  below(count: number): number {
    const limit = 2 ** 32 - 2 ** 32 % count;
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % count;
    }
  }

  /** Fill with uniform numbers from [low, high). */
  fillUniform(out: Float32Array, low: number, high: number): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = low + (high - low) * this.uniform();
    return out;
  }

  /** Fill with normal numbers. */
  fillNormal(out: Float32Array, mean = 0, standardDeviation = 1): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = mean + standardDeviation * this.normal();
    return out;
  }

  /** Shuffle in place (Fisher and Yates). */
  shuffle<T extends unknown[] | Int32Array>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }

  /** 0 to count - 1 in random order. */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, i) => i));
  }
}
