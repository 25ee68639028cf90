/**
 * The directory of a zip archive whose entries are stored without compression, as PyTorch writes them: each entry is
 * then a range of the file. Compressed, encrypted and overlapping entries are refused, so an archive cannot grow
 * beyond its own size. Zip64 is understood.
 */
import { crc32 } from "node:zlib";
import { DataError } from "../cli/errors.ts";
import type { RandomAccessFile } from "./random_access_file.ts";

export interface ZipEntry {
  readonly name: string;
  /** First byte of the content in the file. */
  readonly start: number;
  readonly size: number;
  readonly crc32: number;
}

const localHeader = 0x04034b50, centralHeader = 0x02014b50, endRecord = 0x06054b50;
const zip64EndRecord = 0x06064b50, zip64Locator = 0x07064b50;
const maxDirectoryBytes = 1 << 26;

/** Whether the file begins as a zip archive does. */
export function looksLikeZip(file: RandomAccessFile): boolean {
  return file.size >= 4 && view(file.read(0, 4)).getUint32(0, true) === localHeader;
}

/** @throws {DataError} when the file is no zip archive, is damaged, or holds more than stored entries */
export function readZipDirectory(file: RandomAccessFile): Map<string, ZipEntry> {
  const fail = (what: string) => new DataError(`Cannot read "${file.path}" as a zip archive: ${what}`);
  const { start, size, count } = findDirectory(file);
  if (size > maxDirectoryBytes || start + size > file.size) {
    throw fail(`its directory would lie at bytes ${start} to ${start + size} of ${file.size}`);
  }
  const bytes = file.read(start, size);
  const directory = view(bytes);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > size || directory.getUint32(at, true) !== centralHeader) {
      throw fail(`its directory is damaged at entry ${i + 1} of ${count}`);
    }
    const flags = directory.getUint16(at + 8, true), method = directory.getUint16(at + 10, true);
    const nameLength = directory.getUint16(at + 28, true), extraLength = directory.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + directory.getUint16(at + 32, true);
    if (next > size) throw fail(`its directory is damaged at entry ${i + 1} of ${count}`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (entries.has(name)) throw fail(`entry "${name}" is there twice`);
    if (flags & 1) throw fail(`entry "${name}" is encrypted`);
    if (method !== 0) throw fail(`entry "${name}" is compressed, but PyTorch stores entries as they are`);
    const wide = zip64Fields(directory, at, at + 46 + nameLength, extraLength);
    if (wide.compressed !== wide.size) throw fail(`entry "${name}" is stored but has two sizes`);
    entries.set(name, {
      name,
      start: contentStart(file, wide.offset, name),
      size: wide.size,
      crc32: directory.getUint32(at + 16, true),
    });
    at = next;
  }
  let end = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.start - b.start || a.size - b.size)) {
    if (entry.start < end) throw fail(`entry "${entry.name}" overlaps the one before it`);
    end = entry.start + entry.size;
    if (end > file.size) {
      throw fail(`entry "${entry.name}" ends at byte ${end} of ${file.size} (is it cut off?)`);
    }
  }
  return entries;
}

/** The whole content of an entry, checked against its CRC-32. @throws {DataError} when they differ */
export function readZipEntry(file: RandomAccessFile, entry: ZipEntry): Uint8Array<ArrayBuffer> {
  const bytes = file.read(entry.start, entry.size);
  if (crc32(bytes) !== entry.crc32) {
    throw new DataError(
      `Cannot read "${file.path}": entry "${entry.name}" is damaged (its CRC-32 does not fit)`,
    );
  }
  return bytes;
}

/** The end record stands last, before a comment of at most 65,535 bytes. */
function findDirectory(file: RandomAccessFile): { start: number; size: number; count: number } {
  const tailStart = Math.max(0, file.size - 22 - 0xffff);
  const tail = view(file.read(tailStart, file.size - tailStart));
  let at = tail.byteLength - 22;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === endRecord && at + 22 + tail.getUint16(at + 20, true) === tail.byteLength)
  ) {
    at--;
  }
  if (at < 0) {
    throw new DataError(
      `Cannot read "${file.path}" as a zip archive: its end is missing (is the file cut off?)`,
    );
  }
  if (at >= 20 && tail.getUint32(at - 20, true) === zip64Locator) {
    const recordStart = Number(tail.getBigUint64(at - 12, true));
    const record = view(file.read(recordStart, 56));
    if (record.getUint32(0, true) !== zip64EndRecord) {
      throw new DataError(`Cannot read "${file.path}" as a zip archive: its zip64 record is damaged`);
    }
    return {
      count: Number(record.getBigUint64(32, true)),
      size: Number(record.getBigUint64(40, true)),
      start: Number(record.getBigUint64(48, true)),
    };
  }
  return {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    start: tail.getUint32(at + 16, true),
  };
}

/** Sizes and place of an entry; those that are all ones stand, in this order, in the extra field 1. */
function zip64Fields(directory: DataView, header: number, extra: number, extraLength: number) {
  let wide = -1, wideEnd = -1;
  for (let at = extra; at + 4 <= extra + extraLength;) {
    const end = at + 4 + directory.getUint16(at + 2, true);
    if (directory.getUint16(at, true) === 1 && end <= extra + extraLength) [wide, wideEnd] = [at + 4, end];
    at = end;
  }
  const field = (at: number) => {
    const value = directory.getUint32(at, true);
    if (value !== 0xffffffff || wide < 0 || wide + 8 > wideEnd) return value;
    wide += 8;
    return Number(directory.getBigUint64(wide - 8, true));
  };
  const size = field(header + 24);
  const compressed = field(header + 20);
  return { size, compressed, offset: field(header + 42) };
}

function contentStart(file: RandomAccessFile, header: number, name: string): number {
  if (header + 30 <= file.size) {
    const local = view(file.read(header, 30));
    if (local.getUint32(0, true) === localHeader) {
      return header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    }
  }
  throw new DataError(
    `Cannot read "${file.path}" as a zip archive: entry "${name}" is not at byte ${header}, where its directory says`,
  );
}

function view(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
