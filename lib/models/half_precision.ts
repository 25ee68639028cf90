import type { Backend } from "../backend/backend.ts";
import { log } from "../cli/log.ts";

/**
 * Whether to compute in f16: where it is wanted and the device can.
 *
 * @param options.quietly without a warning that the device cannot: nobody asked for it on the command line
 */
export function halfPrecision(
  wanted: boolean,
  backend: Backend,
  { quietly }: { quietly: boolean } = { quietly: false },
): boolean {
  if (wanted && !quietly && !backend.supportsF16) {
    log.warn(`--mixed-precision is not possible on this device (${backend.description}): computing in f32.`);
  }
  return wanted && backend.supportsF16;
}
