/** A module of hyparquet-compressors that it does not declare. Listed in deno.json "compilerOptions.types". */

declare module "hyparquet-compressors/src/lz4.js" {
  /** @param length bytes that come out */
  export function decompressLz4(bytes: Uint8Array, length: number): Uint8Array;
  export function decompressLz4Raw(bytes: Uint8Array, length: number): Uint8Array;
}
