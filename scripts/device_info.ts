#!/usr/bin/env -S deno run -P
/**
 * Which devices this machine has, which one `--device auto` takes and why, and a ten-second measure of each engine.
 *
 *   deno run -P scripts/device_info.ts
 *   deno run -P scripts/device_info.ts --seconds 0      (describe, measure nothing)
 *   deno run -P=blas scripts/device_info.ts             (with the system's BLAS library for the CPU engine)
 */
import { chooseDevice, openBackend } from "../lib/backend/device.ts";
import { deviceFlags } from "../lib/backend/device_flags.ts";
import { measureEngine } from "../lib/backend/device_measure.ts";
import { describeAdapter, findAdapter } from "../lib/backend/webgpu/adapter.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { printOutput, resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags({
    "seconds": { default: 10, type: "number", min: 0, help: "how long to measure each engine" },
    threads: deviceFlags.threads,
    blas: deviceFlags.blas,
  }, {
    script: "scripts/device_info.ts",
    about: "Devices of this machine, the one that --device auto takes, and how fast each engine is.",
  }, args);

  printOutput(`CPU       ${navigator.hardwareConcurrency} cores`);
  await printAdapter();
  const { device, why } = await chooseDevice();

  for (const engine of ["cpu", "webgpu"] as const) {
    if (engine === "webgpu" && !(await findAdapter())) continue;
    const { backend } = await openBackend({
      device: engine,
      blas: flags.blas,
      threads: flags.threads ?? undefined,
    });
    try {
      printOutput(
        `\n${engine.padEnd(10)}${backend.description}; f16 storage: ${backend.supportsF16 ? "yes" : "no"}`,
      );
      if (flags.seconds === 0) continue;
      const speed = await measureEngine(
        backend,
        flags.seconds,
        device === "webgpu" && engine === "webgpu" ? 4096 : 1024,
      );
      printOutput(
        `          matmul ${speed.size} x ${speed.size}, f32   ${speed.gigaflops.toFixed(1)} GFLOP/s`,
      );
      printOutput(`          addition, f32             ${speed.gigabytes.toFixed(1)} GB/s`);
    } finally {
      await backend.close();
    }
  }
  resultLine(`--device auto takes ${device}: ${why}`);
}

async function printAdapter(): Promise<void> {
  const adapter = await findAdapter();
  if (!adapter) {
    printOutput("WebGPU    no adapter");
    return;
  }
  const { name, software, features, limits } = describeAdapter(adapter);
  printOutput(`WebGPU    ${name}${software ? " (software: runs on the CPU)" : ""}`);
  printOutput(`          features taken: ${features.join(", ") || "none"}`);
  for (const [limit, value] of Object.entries(limits)) {
    const shown = limit.endsWith("Size") ? bytes(value) : value.toLocaleString("en");
    printOutput(`          ${limit.padEnd(34)}${shown}`);
  }
}

function bytes(count: number): string {
  return count < 2 ** 20 ? `${count / 2 ** 10} KiB` : `${(count / 2 ** 20).toLocaleString("en")} MiB`;
}

if (import.meta.main) await runScript(main, import.meta);
