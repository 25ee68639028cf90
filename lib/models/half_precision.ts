import type { Backend } from "../backend/backend.ts";
import { log } from "../cli/log.ts";

/**
 * Whether to compute in f16: where it is wanted and the device can.
 *
 * @param asked whether the command line says so; then a warning tells that the device cannot
 */
export function halfPrecision(wanted: boolean, asked: boolean, backend: Backend): boolean {
  if (wanted && asked && !backend.supportsF16) {
    log.warn(`--mixed-precision is not possible on this device (${backend.description}): computing in f32.`);
  }
  return wanted && backend.supportsF16;
}
