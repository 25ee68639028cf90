/** Files of text as other programs write them: gzip and UTF-16 are undone, whatever the file's name. */
import { gunzipSync } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import { readFileBytes } from "./read_file.ts";

/**
 * The UTF-8 bytes of a text file, unpacked where it is gzip, decoded where it is UTF-16 with a byte-order mark.
 *
 * @throws {DataError} when it cannot be read, the gzip is damaged, or it is plainly no text
 */
export async function readPlainBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return plainBytes(await readFileBytes(path), path);
}

/** As `readPlainBytes`, from bytes; `name` is what errors call the file. */
export function plainBytes(bytes: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> {
  const [a, b, c] = bytes;
  if (a === 0x1f && b === 0x8b) return plainBytes(unzipped(bytes, name), name);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    const encoding = a === 0xff ? "utf-16le" : "utf-16be";
    try {
      return new TextEncoder().encode(new TextDecoder(encoding, { fatal: true }).decode(bytes));
    } catch {
      throw new DataError(`Cannot read "${name}": it begins as UTF-16 but is damaged (save it as UTF-8)`);
    }
  }
  if (a === 0x42 && b === 0x5a && c === 0x68) throw packed(name, "bzip2", "bunzip2");
  if (a === 0xfd && b === 0x37 && c === 0x7a) throw packed(name, "xz", "unxz");
  if (a === 0x28 && b === 0xb5 && c === 0x2f) throw packed(name, "zstd", "unzstd");
  return bytes;
}

function unzipped(bytes: Uint8Array, name: string): Uint8Array<ArrayBuffer> {
  try {
    const { buffer, byteOffset, length } = gunzipSync(bytes);
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, length); // not node's Buffer, whose slice() is a view
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(
      `Cannot read "${name}": it is gzip, but cannot be unpacked (${reason}; is it cut off?)`,
    );
  }
}

function packed(name: string, what: string, command: string): DataError {
  return new DataError(
    `Cannot read "${name}": it is ${what} (unpack it with ${command}, or use gzip, which is read)`,
  );
}
