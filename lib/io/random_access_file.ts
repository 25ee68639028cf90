import { DataError } from "../cli/errors.ts";

/** A file that is read in pieces: what lies between them never enters memory. Close it when done. */
export class RandomAccessFile {
  readonly #file: Deno.FsFile;

  private constructor(readonly path: string, readonly size: number, file: Deno.FsFile) {
    this.#file = file;
  }

  /** @throws {DataError} when the path cannot be opened or is no plain file */
  static open(path: string): RandomAccessFile {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(path, { read: true });
    } catch (error) {
      throw new DataError(`Cannot read "${path}": ${reason(error)}`);
    }
    const { isFile, size } = file.statSync();
    if (!isFile) {
      file.close();
      throw new DataError(`Cannot read "${path}": it is not a file`);
    }
    return new RandomAccessFile(path, size, file);
  }

  /** `length` bytes from byte `offset` on. @throws {DataError} when the file ends before them */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new DataError(
        `Cannot read "${this.path}": bytes ${offset} to ${
          offset + length
        } are beyond its end at ${this.size} (is the file cut off?)`,
      );
    }
    const bytes = new Uint8Array(length);
    this.readInto(offset, bytes);
    return bytes;
  }

  /** Fill `bytes` with those of the file from byte `offset` on. @throws {DataError} when the file ends before them */
  readInto(offset: number, bytes: Uint8Array): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes.length;) {
      const count = this.#file.readSync(bytes.subarray(filled));
      if (count === null) throw new DataError(`Cannot read "${this.path}": it was cut off while being read`);
      filled += count;
    }
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
