/**
 * Runs an operation on an engine and on the float64 reference with the same random sizes and values, and compares every
 * output. Outputs are poisoned with NaN before the call, so that a cell left unwritten shows.
 */
import { assert } from "@std/assert";
import type { Backend, DType, Storage } from "../../lib/backend/backend.ts";
import { openReferenceBackend, values } from "./reference.ts";

/** An operation on sizes and values drawn at random. */
export interface OperationCase {
  readonly name: string;
  /** Largest error of a whole output relative to its norm, in f32. */
  readonly tolerance: number;
  /** Root mean square below which a result counts as 0 that cancellation has left; default: none does. */
  readonly zero?: number;
  /** Whether the operation is checked on f16 storages too. */
  readonly half?: boolean;
  run(draw: Draw): void;
}

/** Largest relative error of a whole output in f16: ten times what rounding each number to 11 bits makes. */
const halfTolerance = 5e-3;

/** Check `repeats` random draws of a case. `largest` bounds the sizes. */
export async function checkCase(
  backend: Backend,
  example: OperationCase,
  options: { repeats?: number; largest?: number; dtype?: "f32" | "f16"; firstSeed?: number } = {},
): Promise<void> {
  const { repeats = 30, largest = 131, dtype = "f32", firstSeed = 1 } = options;
  for (let seed = firstSeed; seed < firstSeed + repeats; seed++) {
    const actual = new Draw(backend, seed, largest, dtype);
    const expected = new Draw(openReferenceBackend(), seed, largest, dtype);
    example.run(actual);
    example.run(expected);
    // All at once: Deno looks for the end of a WebGPU read every 10 ms only.
    const results = await Promise.all(actual.outputs.map(({ storage }) => backend.read(storage)));
    for (const [index, { name }] of actual.outputs.entries()) {
      const found = results[index];
      const wanted = values(expected.outputs[index].storage);
      const tolerance = dtype === "f16" ? halfTolerance : example.tolerance;
      const error = relativeError(found, wanted, example.zero);
      assert(
        error <= tolerance,
        `${example.name}, ${dtype}, draw ${seed} (${actual.drawn.join(", ")}): "${name}" is off by ${error}` +
          `\n  found ${found.slice(0, 8)}\n  wanted ${wanted.slice(0, 8)}`,
      );
    }
    actual.storages.forEach((storage) => backend.release(storage));
  }
}

/**
 * Norm of the difference over the norm of what is wanted, which counts as 1e-6 a cell at least (inputs are of size 1).
 * Both NaN, or both the same infinity, are equal.
 */
export function relativeError(found: ArrayLike<number>, wanted: Float64Array, zero = 0): number {
  let difference = 0, norm = 0;
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(found[i], wanted[i])) {
      if (Number.isFinite(wanted[i])) norm += wanted[i] ** 2;
      continue;
    }
    difference += (found[i] - wanted[i]) ** 2;
    norm += wanted[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / Math.max(norm, zero ** 2 * wanted.length, 1e-60));
}

/** Draws sizes and values; the same seed draws the same, whichever engine holds them. */
export class Draw {
  readonly outputs: { name: string; storage: Storage }[] = [];
  readonly storages: Storage[] = [];
  readonly drawn: (number | string)[] = [];
  #state: number;

  constructor(
    readonly backend: Backend,
    seed: number,
    readonly largest: number,
    readonly dtype: "f32" | "f16",
  ) {
    this.#state = Math.imul(seed, 0x9e3779b9) >>> 0;
  }

  /** Uniform in [0, 1): Mulberry32. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  integer(from: number, to: number): number {
    return this.#note(from + Math.floor(this.uniform() * (to - from + 1)));
  }

  pick<T extends string | number>(choices: readonly T[]): T {
    return this.#note(choices[Math.floor(this.uniform() * choices.length)]);
  }

  chance(): boolean {
    return this.pick(["yes", "no"]) === "yes";
  }

  /** A size from 1 to `most`: often 1, a prime, or one beside a power of two. */
  size(most = this.largest): number {
    const edges = [
      1,
      2,
      3,
      5,
      7,
      8,
      9,
      13,
      15,
      16,
      17,
      31,
      32,
      33,
      61,
      63,
      64,
      65,
      67,
      127,
      128,
      129,
      131,
      255,
      257,
    ];
    const fitting = edges.filter((edge) => edge <= most);
    return this.uniform() < 0.6
      ? this.#note(fitting[Math.floor(this.uniform() * fitting.length)])
      : this.integer(1, most);
  }

  /** Normal values times `scale`, plus `shift`. Some cells become `missing` where that is given. */
  input(
    length: number,
    { scale = 1, shift = 0, missing }: { scale?: number; shift?: number; missing?: number } = {},
  ) {
    const data = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const value = shift + scale * this.normal();
      data[i] = missing !== undefined && this.uniform() < 0.1 ? missing : value;
    }
    return this.#write(this.dtype, data);
  }

  /** The given numbers as f32, whatever the element type of the draw. */
  exact(data: Float32Array): Storage {
    return this.#write("f32", data);
  }

  /** Values in [0, below) as i32. */
  indices(length: number, below: number): Storage {
    return this.#write("i32", Int32Array.from({ length }, () => Math.floor(this.uniform() * below)));
  }

  /** A mask of 0 and 1. */
  mask(length: number, share = 0.7): Storage {
    return this.#write("i32", Int32Array.from({ length }, () => Number(this.uniform() < share)));
  }

  /** A poisoned storage that is compared after the call. */
  output(name: string, length: number, dtype: DType = this.dtype): Storage {
    const storage = this.#write(dtype, new Float32Array(length).fill(NaN));
    this.outputs.push({ name, storage });
    return storage;
  }

  /** A storage with values that the call adds to or changes, compared after it. */
  changed(name: string, storage: Storage): Storage {
    this.outputs.push({ name, storage });
    return storage;
  }

  #write(dtype: DType, data: Float32Array | Int32Array): Storage {
    const storage = this.backend.allocate(dtype, data.length);
    // The reference must see what an f16 storage holds.
    const seen = dtype === "f16" ? Float32Array.from(new Float16Array(data)) : data;
    if (data.length > 0) this.backend.write(storage, seen);
    this.storages.push(storage);
    return storage;
  }

  #note<T extends number | string>(value: T): T {
    this.drawn.push(value);
    return value;
  }
}
