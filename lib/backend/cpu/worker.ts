/** One thread of the CPU engine: serves jobs from shared memory until told to stop. */

/** What a worker is told when it starts. Addresses in bytes. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly scratch: number;
  readonly spins: number;
  readonly failedAt: number;
  readonly doneAt: number;
}

interface ParentPort {
  on(event: "message", handle: (start: WorkerStart) => void): void;
}

/**
 * The worker as source text, so that starting it needs no permission to read a file. The function must not use
 * anything from outside itself.
 */
export const workerSource = `(${serveJobs})(require("node:worker_threads").parentPort)`;

function serveJobs(port: ParentPort): void {
  port.on("message", async ({ module, memory, scratch, spins, failedAt, doneAt }) => {
    try {
      const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
      (exports as unknown as { serve(scratch: number, spins: number): void }).serve(scratch, spins);
    } catch {
      // The main thread may be asleep: it looks at this word when it wakes, and says what happened.
      const words = new Int32Array(memory.buffer);
      Atomics.store(words, failedAt / 4, 1);
      Atomics.notify(words, doneAt / 4);
    }
  });
}
