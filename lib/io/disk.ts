/**
 * Every change of the disk that a result depends on: created, written, flushed, renamed and removed files. They are in one
 * place so that a test can stop a run at each of them, as a kill or a power loss would.
 */

/** A change that is about to be made. */
export interface DiskStep {
  readonly kind: "create" | "write" | "flush" | "rename" | "remove";
  readonly path: string;
}

/**
 * Is told each step before it is made, and may throw there. It may return how many bytes of a write are let through, and 0 for
 * a flush that is left out.
 */
export type DiskObserver = (step: DiskStep, bytes: number) => number | void;

let observer: DiskObserver | null = null;

/** For tests. @returns what ends the observation */
export function observeDisk(by: DiskObserver): Disposable {
  observer = by;
  return { [Symbol.dispose]: () => observer = null };
}

/** Open a file that is not there yet. @throws {Deno.errors.AlreadyExists} */
export function createFile(path: string): Deno.FsFile {
  observer?.({ kind: "create", path }, 0);
  return Deno.openSync(path, { write: true, createNew: true });
}

/** Write all of `bytes` where the file stands. @param path of the file, for observers */
export async function writeAll(file: Deno.FsFile, path: string, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const step = { kind: "write", path } as const, open = bytes.length - written;
    const allowed = observer?.(step, open) ?? open;
    written += await file.write(bytes.subarray(written, written + allowed));
  }
}

/** What was written stays there after a power loss. */
export async function flush(file: Deno.FsFile, path: string): Promise<void> {
  if (observer?.({ kind: "flush", path }, 0) !== 0) await file.syncData();
}

export async function rename(from: string, to: string): Promise<void> {
  observer?.({ kind: "rename", path: from }, 0);
  await Deno.rename(from, to);
}

export async function remove(path: string, options?: Deno.RemoveOptions): Promise<void> {
  observer?.({ kind: "remove", path }, 0);
  await Deno.remove(path, options);
}

export function removeSync(path: string): void {
  observer?.({ kind: "remove", path }, 0);
  Deno.removeSync(path);
}
