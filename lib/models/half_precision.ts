import type { Backend } from "../backend/backend.ts";
import { log } from "../cli/log.ts";

/** Whether to compute in f16: where it is asked for and the device can; a warning says when it cannot. */
export function halfPrecision(asked: boolean, backend: Backend): boolean {
  if (asked && !backend.supportsF16) {
    log.warn(`--mixed-precision is not possible on this device (${backend.description}): computing in f32.`);
  }
  return asked && backend.supportsF16;
}
