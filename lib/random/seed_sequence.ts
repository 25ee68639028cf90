/**
 * NumPy's `SeedSequence` (O'Neill's seed_seq_fe): spreads whatever entropy is given over as many words as a generator
 * needs, so that seeds 1 and 2 start streams that have nothing in common.
 */
export class SeedSequence {
  readonly #pool: Uint32Array;

  /** @param entropy words of 32 bits, the lowest first; NumPy's for a seed are `wordsOf(seed)` */
  constructor(entropy: readonly number[]) {
    const pool = new Uint32Array(4);
    let constant = 0x43b0d7e5;
    const hash = (value: number): number => {
      value ^= constant;
      constant = Math.imul(constant, 0x931e8875);
      value = Math.imul(value, constant);
      return value ^ (value >>> 16);
    };
    const mix = (x: number, y: number): number => {
      const value = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y) | 0;
      return value ^ (value >>> 16);
    };
    for (let i = 0; i < 4; i++) pool[i] = hash(entropy[i] ?? 0);
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
    for (let from = 4; from < entropy.length; from++) {
      for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(entropy[from]));
    }
    this.#pool = pool;
  }

  /** `generate_state(count)`: words of 32 bits. */
  words(count: number): Uint32Array {
    let constant = 0x8b51f9dd;
    return Uint32Array.from({ length: count }, (_, i) => {
      let value = this.#pool[i % 4] ^ constant;
      constant = Math.imul(constant, 0x58f38ded);
      value = Math.imul(value, constant);
      return value ^ (value >>> 16);
    });
  }
}

/** The 32-bit words of a whole number, the lowest first. @throws {RangeError} if it is negative or not whole */
export function wordsOf(seed: number | bigint): number[] {
  if (typeof seed === "number" && !Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`a seed must be a whole number from 0 on, not ${seed}`);
  }
  const words: number[] = [];
  for (let rest = BigInt(seed); rest > 0n; rest >>= 32n) words.push(Number(rest & 0xffffffffn));
  return words.length === 0 ? [0] : words;
}
