/** Number types of a model's weights. Sums are float32 in all of them. */
import type { TensorFile } from "../io/tensor_file.ts";

/**
 * f16: weights and hidden states are stored in it, where the device can. bf16: weights are rounded to it and stored as
 * float32, since no device of ours computes in it; the numbers are those of a model whose weights are bfloat16.
 */
export type WeightType = "f32" | "f16" | "bf16";

/** As what weights lie on the device. */
export function storageType(dtype: WeightType): "f32" | "f16" {
  return dtype === "f16" ? "f16" : "f32";
}

/** What the record beside embeddings says. */
export function typeName(dtype: WeightType): string {
  return dtype === "bf16" ? "bf16 weights, f32 sums" : dtype;
}

/** Never rounded, as they never are in f16: angles of positions, and what the long filters are made of. */
const exact = /inv_freq|filter_fn|short_filter/;

/** A model file whose weights come rounded to bf16; the file itself for other types. */
export function asWeights(file: TensorFile, dtype: WeightType): TensorFile {
  if (dtype !== "bf16") return file;
  return {
    path: file.path,
    tensors: file.tensors,
    unreadable: file.unreadable,
    read: async (name) => {
      const data = await file.read(name);
      return exact.test(name) ? data : roundToBfloat16(data);
    },
    close: () => file.close(),
  };
}

/** Each number to the nearest with 8 bits of mantissa, ties to even; what is not finite stays. In place. */
export function roundToBfloat16(data: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if ((word & 0x7f800000) === 0x7f800000) continue;
    words[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  }
  return data;
}
