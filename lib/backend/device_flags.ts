/** `--device` and what goes with it, for every script that computes with tensors. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { devices, openBackend, type OpenedBackend } from "./device.ts";

export const deviceFlags = {
  "device": {
    default: "auto",
    choices: devices,
    group: "Device",
    help: "engine: auto takes a GPU where there is one",
  },
  "threads": {
    default: null,
    type: "integer",
    min: 1,
    group: "Device",
    shownDefault: "all cores",
    help: "threads of the CPU engine",
  },
  "blas": {
    default: "auto",
    group: "Device",
    help:
      "library for matrix products: auto takes the system's where -P=blas allows it, off none, else the path of one",
  },
  "profile": { default: false, group: "Device", help: "print the time that each kernel family took" },
} as const satisfies FlagDeclarations;

/** Open the engine that the flags ask for, and print which one and why. */
export async function openDevice(flags: Omit<Flags<typeof deviceFlags>, "given">): Promise<OpenedBackend> {
  const { device, blas, profile, threads } = flags;
  const opened = await openBackend({ device, blas, profile, threads: threads ?? undefined });
  log.info(opened.reason);
  if (opened.advice) log.info(opened.advice);
  return opened;
}

/** With --profile, print the time of each kernel family, the longest first. */
export async function printProfile({ backend }: OpenedBackend): Promise<void> {
  const families = [...await backend.profile()].sort(([, a], [, b]) => b.ms - a.ms);
  for (const [family, { calls, ms }] of families) {
    log.info(`${ms.toFixed(1).padStart(10)} ms ${String(calls).padStart(8)} calls  ${family}`);
  }
}
