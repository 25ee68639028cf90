/**
 * A float64 matrix that stays in a kernel's memory, for many products with a few vectors at a time: a product reads it once
 * for all of them (kernels/cpu/float64).
 */
import wasmBytes from "../../kernels/cpu/float64.wasm" with { type: "bytes" };
import type { Matrix } from "./matrix.ts";

interface Kernel {
  readonly memory: WebAssembly.Memory;
  addProducts(a: number, b: number, c: number, rows: number, columns: number, length: number): void;
  addCombinations(a: number, w: number, t: number, rows: number, sums: number, length: number): void;
}

/** What the kernel's compiler keeps for itself lies below the matrix. */
const firstByte = 1024, wide = 8;

/** Vectors of one pass. */
const most = 6;

export class ResidentMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly #kernel: Kernel;
  /** Sizes in memory, padded with zeros to what the kernel takes. */
  readonly #rows: number;
  readonly #columns: number;
  /** Where the vectors of a product lie, and what comes out. */
  readonly #vectors: number;
  readonly #results: number;

  /**
   * @param fill puts row i into an array of `columns` zeros
   * @throws {RangeError} when it takes more than 4 GiB
   */
  constructor(rows: number, columns: number, fill: (i: number, row: Float64Array) => void) {
    this.rows = rows;
    this.columns = columns;
    this.#rows = roundUp(rows, 12);
    this.#columns = roundUp(columns, 2);
    const longest = most * Math.max(this.#rows, this.#columns) * wide;
    this.#vectors = firstByte + this.#rows * this.#columns * wide;
    this.#results = this.#vectors + longest;
    this.#kernel = new WebAssembly.Instance(compiled()).exports as unknown as Kernel;
    const { memory } = this.#kernel, more = this.#results + longest - memory.buffer.byteLength;
    if (more > 0) memory.grow(Math.ceil(more / 65536));
    for (let i = 0; i < rows; i++) fill(i, this.#view(firstByte + i * this.#columns * wide, columns));
  }

  /** The matrix where it lies, and perhaps a column of zeros behind it. Not to be changed. */
  get matrix(): Matrix<Float64Array> {
    const columns = this.#columns;
    return { data: this.#view(firstByte, this.rows * columns), rows: this.rows, columns };
  }

  /** A x for each of `vectors` (columns long). */
  multiply(vectors: readonly Float64Array[]): Float64Array[] {
    return inPasses(vectors, (some) => {
      const count = roundUp(some.length, 3);
      this.#lay(some, count, this.#columns);
      const sums = this.#view(this.#results, this.#rows * count).fill(0);
      this.#kernel.addProducts(firstByte, this.#vectors, this.#results, this.#rows, count, this.#columns);
      return some.map((_, f) => {
        const product = new Float64Array(this.rows);
        for (let i = 0; i < this.rows; i++) product[i] = sums[i * count + f];
        return product;
      });
    });
  }

  /** A' w for each of `weights` (rows long). */
  combineRows(weights: readonly Float64Array[]): Float64Array[] {
    return inPasses(weights, (some) => {
      const count = roundUp(some.length, 2), length = this.#columns;
      this.#lay(some, count, this.#rows);
      const sums = this.#view(this.#results, count * length).fill(0);
      this.#kernel.addCombinations(firstByte, this.#vectors, this.#results, this.#rows, count, length);
      return some.map((_, f) => sums.slice(f * length, f * length + this.columns));
    });
  }

  /** Put vectors into rows of `length`, and rows of zeros behind them up to `count`. */
  #lay(vectors: readonly Float64Array[], count: number, length: number): void {
    const into = this.#view(this.#vectors, count * length).fill(0);
    vectors.forEach((vector, f) => into.set(vector, f * length));
  }

  #view(start: number, length: number): Float64Array {
    return new Float64Array(this.#kernel.memory.buffer, start, length);
  }
}

let kernelModule: WebAssembly.Module | null = null;

function compiled(): WebAssembly.Module {
  return kernelModule ??= new WebAssembly.Module(wasmBytes);
}

function inPasses(
  vectors: readonly Float64Array[],
  pass: (some: readonly Float64Array[]) => Float64Array[],
): Float64Array[] {
  const results: Float64Array[] = [];
  for (let i = 0; i < vectors.length; i += most) results.push(...pass(vectors.slice(i, i + most)));
  return results;
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}
