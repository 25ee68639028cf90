/**
 * Safetensors files that carry a SHA-256 of themselves, for what a program writes to read again: a bit that changed, a
 * tail of zeros after a power loss or an edited number is an error, never a number.
 *
 * The seal is the first entry of the metadata, so it stands at a fixed place; it is taken over the whole file with the
 * seal's own 64 digits as zeros.
 */
import { DataError } from "../cli/errors.ts";
import { readFileBytes } from "./read_file.ts";
import {
  encodeSafetensors,
  openSafetensors,
  type SafetensorsArray,
  type SafetensorsFile,
} from "./safetensors.ts";

const opening = '{"__metadata__":{"seal":"', digits = 64, sealAt = 8 + opening.length;

/** The bytes of a sealed file. */
export async function encodeSealed(
  tensors: ReadonlyMap<string, SafetensorsArray>,
  metadata: Record<string, string>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = encodeSafetensors(tensors, { seal: "0".repeat(digits), ...metadata });
  bytes.set(new TextEncoder().encode(await sealOf(bytes)), sealAt);
  return bytes;
}

/**
 * Open a sealed file once its seal was found right.
 *
 * @throws {DataError} when it has none, or another than its content
 */
export async function openSealed(path: string): Promise<SafetensorsFile> {
  const bytes = await readFileBytes(path);
  const text = (from: number, length: number) =>
    new TextDecoder().decode(bytes.subarray(from, from + length));
  if (bytes.length < sealAt + digits || text(8, opening.length) !== opening) {
    throw new DataError(
      `Cannot read "${path}": it carries no checksum (an earlier version wrote it, or it is damaged; delete it, or finish ` +
        `that run with the version that began it)`,
    );
  }
  const seal = text(sealAt, digits);
  bytes.fill(0x30, sealAt, sealAt + digits);
  if (seal !== await sealOf(bytes)) {
    throw new DataError(
      `Cannot read "${path}": its checksum does not fit its content, so it is damaged (delete it)`,
    );
  }
  return await openSafetensors(path);
}

async function sealOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
