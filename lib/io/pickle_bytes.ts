/** What lies in a file that should be a pickle: unpacked where it is compressed, named where it is something else. */
import { gunzipSync, inflateSync } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import { latin1 } from "./pickle_text.ts";

/** The largest pickle that is unpacked. Splits take a few kB. */
const mostBytes = 2 ** 30;

/**
 * The bytes of a pickle, unpacked from gzip or zlib (joblib's `compress`).
 *
 * @throws {DataError} saying what the file is, where it is plainly no pickle or packed in another way
 */
export function pickleBytes(bytes: Uint8Array, name: string): Uint8Array {
  const [a, b, c, d] = bytes;
  if (a === 0x1f && b === 0x8b) return pickleBytes(unpacked(gunzipSync, bytes, "gzip", name), name);
  if (a === 0x78 && ((a << 8) | b) % 31 === 0) {
    return pickleBytes(unpacked(inflateSync, bytes, "zlib", name), name);
  }
  const magic = [a, b, c, d].map((byte) => (byte ?? 0).toString(16).padStart(2, "0")).join("");
  const packing = Object.entries(packings).find(([start]) => magic.startsWith(start))?.[1];
  if (packing !== undefined) {
    throw new DataError(
      `Cannot read "${name}": it is packed with ${packing} (unpack it first, or pickle.dump it again; gzip and zlib are read)`,
    );
  }
  if (a === 0x80 || mayBeText(bytes)) return bytes;
  throw new DataError(`Cannot read "${name}": it is no pickle but ${kindOf(bytes)} (pickle.dump writes one)`);
}

const packings: Record<string, string> = {
  "425a68": "bzip2",
  "fd377a58": "xz",
  "5d0000": "lzma",
  "04224d18": "lz4",
  "28b52ffd": "zstd",
};

function unpacked(
  unpack: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
  bytes: Uint8Array,
  packing: string,
  name: string,
): Uint8Array {
  try {
    const { buffer, byteOffset, length } = unpack(bytes, { maxOutputLength: mostBytes });
    return new Uint8Array(buffer, byteOffset, length); // not node's Buffer, whose slice() is a view
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(
      `Cannot read "${name}": it is ${packing}, but cannot be unpacked (${reason}; is it cut off?)`,
    );
  }
}

/** Whether it may be a pickle of protocol 0 or 1: it begins with an opcode that can stand first, and ends with STOP. */
function mayBeText(bytes: Uint8Array): boolean {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
  return end > 1 && bytes[end - 1] === 0x2e && "(])}cINLFSVUTXKMJGi".includes(String.fromCharCode(bytes[0]));
}

function kindOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = latin1(bytes.subarray(0, 200));
  if (start.startsWith("\x93NUMPY")) return "a NumPy .npy file";
  if (start.startsWith("PK")) return "a zip archive, such as .npz, or a PyTorch file";
  if (start.startsWith("\x89HDF")) return "an HDF5 file";
  if (start.startsWith("PAR1")) return "a Parquet file";
  if (start.startsWith("version https://git-lfs")) return "a Git LFS pointer, fetched without its content";
  if (/^\s*<(!doctype|html)/i.test(start)) return "a web page";
  if (/^\s*[[{]/.test(start)) return "JSON or other text";
  return bytes.subarray(0, 200).every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)
    ? "text"
    : "something else";
}
