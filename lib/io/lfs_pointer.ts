import { DataError } from "../cli/errors.ts";
import type { RandomAccessFile } from "./random_access_file.ts";

const start = "version https://git-lfs";

/** @throws {DataError} when the file only says which large file belongs there: a checkout without Git LFS leaves such */
export function refuseLfsPointer(file: RandomAccessFile): void {
  const bytes = file.read(0, Math.min(start.length, file.size));
  if (new TextDecoder().decode(bytes) !== start) return;
  throw new DataError(
    `Cannot read "${file.path}": it is a Git LFS pointer, not the file itself (run "git lfs pull" in its folder)`,
  );
}
