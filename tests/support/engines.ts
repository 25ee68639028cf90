/** Runs one test on each engine: the CPU, and WebGPU where this machine has an adapter (a software one will do). */
import type { Backend } from "../../lib/backend/backend.ts";
import { openCpuBackend } from "../../lib/backend/cpu/mod.ts";
import { webGpuTest } from "./webgpu.ts";

type Engine = Backend["name"];

const openers: Record<Engine, () => Promise<Backend>> = {
  cpu: () => openCpuBackend(),
  webgpu: async () =>
    (await import("../../lib/backend/webgpu/mod.ts")).openWebGpuBackend({ allowSoftware: true }),
};

/** Register `name` once an engine; each run opens its own and closes it. */
export function onEachEngine(
  name: string,
  body: (backend: Backend) => Promise<void>,
  engines: Engine[] = ["cpu", "webgpu"],
): void {
  for (const engine of engines) {
    const register = engine === "webgpu" ? webGpuTest : Deno.test;
    register(`${name} (${engine})`, async () => {
      const backend = await openers[engine]();
      try {
        await body(backend);
      } finally {
        await backend.close();
      }
    });
  }
}
