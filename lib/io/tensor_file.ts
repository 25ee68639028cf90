/** What the readers of safetensors files and PyTorch checkpoints have in common: named tensors, read one at a time. */

/** Number types of stored tensors, by their safetensors names. */
export type TensorType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

export const bytesPerElement: Record<TensorType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

export interface TensorInfo {
  readonly shape: readonly number[];
  /** A `TensorType`, or a type that cannot be read. */
  readonly dtype: string;
}

/** An open model file. Close it when done. */
export interface TensorFile {
  readonly path: string;
  /** Every tensor of the file, in its order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What stands under a tensor's name and cannot be read, with the reason: "is an object of the unknown class X". */
  readonly unreadable?: ReadonlyMap<string, string>;
  /** The numbers of a tensor in row-major order; f16, bf16, f64 and integers become float32. @throws {DataError} naming an absent tensor */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
  close(): void;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Little-endian bytes, as stored, to float32. `bytes` must start at the beginning of its buffer. */
export function widen(bytes: Uint8Array<ArrayBuffer>, dtype: TensorType): Float32Array<ArrayBuffer> {
  const { buffer } = bytes;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "F16":
      return new Float32Array(new Float16Array(buffer));
    case "BF16": {
      const halves = new Uint16Array(buffer);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
      return new Float32Array(words.buffer);
    }
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer), Number);
    case "I32":
      return Float32Array.from(new Int32Array(buffer));
    case "I16":
      return Float32Array.from(new Int16Array(buffer));
    case "I8":
      return Float32Array.from(new Int8Array(buffer));
    case "U64":
      return Float32Array.from(new BigUint64Array(buffer), Number);
    case "U32":
      return Float32Array.from(new Uint32Array(buffer));
    case "U16":
      return Float32Array.from(new Uint16Array(buffer));
    case "U8":
    case "BOOL":
      return Float32Array.from(bytes);
  }
}
