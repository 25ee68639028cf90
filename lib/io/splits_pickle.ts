/** Cross-validation folds as the pickled dict that the Python scripts share. */

/** Fold indices count rows of the data set that they were drawn for. */
export interface Splits {
  /** "5fold" where there are five. */
  method: string;
  nSplits: number;
  randomState: number;
  totalSamples: number;
  folds: readonly { train: ArrayLike<number>; test: ArrayLike<number> }[];
  /** Ids in row order: our own addition, by which rows are found again. */
  perturbations?: readonly string[];
}

/**
 * The folds as a pickle of protocol 4 that Python (3.4 on) and NumPy (1 and 2) load into writable int64 arrays: each is
 * `numpy.ndarray((n,), "<i8", bytearray(...))`.
 */
export function encodeSplitsPickle(splits: Splits): Uint8Array<ArrayBuffer> {
  const out = new PickleWriter();
  out.code("\x80\x04}(");
  out.text("method").text(splits.method);
  out.text("n_splits").integer(splits.nSplits);
  out.text("random_state").integer(splits.randomState);
  out.text("fold_splits").code("](");
  for (const { train, test } of splits.folds) out.indexArray(train).indexArray(test).code("\x86");
  out.code("e");
  out.text("total_samples").integer(splits.totalSamples);
  if (splits.perturbations !== undefined) {
    out.text("perturbations").code("](");
    for (const id of splits.perturbations) out.text(id);
    out.code("e");
  }
  out.code("u.");
  return out.finish();
}

/** Writes the opcodes that the folds need. */
class PickleWriter {
  readonly #parts: Uint8Array[] = [];

  /** Opcodes without arguments, or text of an opcode's arguments, each character a byte. */
  code(latin1: string): this {
    this.#parts.push(Uint8Array.from(latin1, (character) => character.charCodeAt(0)));
    return this;
  }

  /** BINUNICODE. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.code("X").#uint32(bytes.length).#bytes(bytes);
  }

  /** BININT for a signed 32-bit integer, else LONG1. */
  integer(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`PickleWriter: ${value} is not an integer`);
    if (value === (value | 0)) return this.code("J").#uint32(value >>> 0);
    return this.code("\x8a\x08").#bytes(new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  }

  /** GLOBAL numpy.ndarray, called with shape, dtype and a bytearray of little-endian int64. */
  indexArray(indices: ArrayLike<number>): this {
    const content = new Uint8Array(BigInt64Array.from(indices, (index) => BigInt(index)).buffer);
    this.code("cnumpy\nndarray\n").integer(indices.length).code("\x85").text("<i8");
    return this.code("cbuiltins\nbytearray\nB").#uint32(content.length).#bytes(content).code("\x85R\x87R");
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#parts.reduce((length, part) => length + part.length, 0));
    let position = 0;
    for (const part of this.#parts) {
      bytes.set(part, position);
      position += part.length;
    }
    return bytes;
  }

  #uint32(value: number): this {
    return this.#bytes(Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }

  #bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }
}
