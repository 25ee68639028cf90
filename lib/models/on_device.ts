/** What every network does with the device that it was opened on. */
import { printProfile } from "../backend/device_flags.ts";
import type { OpenedBackend } from "../backend/device.ts";
import type { WholeFoldModel } from "../experiment/model.ts";

/** A model whose summary says why it computed where it did, and whose end prints the device's profile. */
export function onDevice(model: WholeFoldModel, opened: OpenedBackend): WholeFoldModel {
  return {
    ...model,
    summary: (...reports) => ({ ...model.summary(...reports), device_reason: opened.reason }),
    async close() {
      await printProfile(opened);
      await model.close?.();
    },
  };
}
