/// <reference lib="deno.worker" />
/** One thread of the CPU engine: serves jobs from shared memory until told to stop. */
import type { KernelExports, WorkerStart } from "./thread_pool.ts";

self.onmessage = async ({ data }: MessageEvent<WorkerStart>) => {
  const { module, memory, control, scratch, spins, failedAt, doneAt } = data;
  try {
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    (instance.exports as unknown as KernelExports).serve(control, scratch, spins);
    self.close();
  } catch (error) {
    const words = new Int32Array(memory.buffer);
    Atomics.store(words, failedAt / 4, 1);
    Atomics.notify(words, doneAt / 4);
    throw error;
  }
};
