/**
 * The rate of 128-bit multiply-adds that this runtime's WebAssembly reaches at best: a loop that touches nothing but registers,
 * on one thread or on several at once. Products of any kernel in WebAssembly stay below it.
 */

/** Sums that do not wait for each other: two units of four cycles' latency want eight. */
const sums = 12;
const iterations = 4_000_000;
const flopOfCall = iterations * sums * 4 * 2;

/** `run(n: i32) -> f32`: n times, each sum = fused(x * y + sum) in four lanes; written by hand as bytes. */
export function multiplyAddModule(): Uint8Array<ArrayBuffer> {
  const unsigned = (value: number): number[] =>
    value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)];
  const section = (id: number, body: number[]) => [id, ...unsigned(body.length), ...body];
  const get = (local: number) => [0x20, local], set = (local: number) => [0x21, local];
  const vector = (code: number) => [0xfd, ...unsigned(code)];
  const f32 = (value: number) => [0x43, ...new Uint8Array(new Float32Array([value]).buffer)];
  const splat = vector(0x13),
    fusedMultiplyAdd = vector(0x105),
    add = vector(0xe4),
    firstLane = [...vector(0x1f), 0];
  // Local 0 counts; 1 and 2 are the factors; then the sums.
  const [x, y, first] = [1, 2, 3], all = Array.from({ length: sums }, (_, i) => first + i);
  const body = [
    ...[...f32(0.999), ...splat, ...set(x), ...f32(1e-3), ...splat, ...set(y)],
    ...[0x03, 0x40], // loop
    ...all.flatMap((sum) => [...get(x), ...get(y), ...get(sum), ...fusedMultiplyAdd, ...set(sum)]),
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b], // while (--n), end
    ...get(first),
    ...all.slice(1).flatMap((sum) => [...get(sum), ...add]),
    ...[...firstLane, 0x0b],
  ];
  const code = [1, ...unsigned(2 + sums), 0x7b, ...body]; // one group of locals: v128
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7d]), // (i32) -> f32
    ...section(3, [1, 0]),
    ...section(7, [1, 3, ...new TextEncoder().encode("run"), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

const workerSource = `
onmessage = async ({ data: { module, iterations, calls } }) => {
  const { exports: { run } } = await WebAssembly.instantiate(await WebAssembly.compile(module));
  for (let i = 0; i < 20; i++) run(iterations / 20); // until the optimising compiler has had its turn
  postMessage("ready");
  onmessage = () => {
    let best = Infinity;
    for (let i = 0; i < calls; i++) {
      const start = performance.now();
      run(iterations);
      best = Math.min(best, performance.now() - start);
    }
    postMessage(best / 1000);
  };
};`;

/** @returns GFLOP/s of all threads together, which run at the same time, each at its best call */
export async function multiplyAddRate(threads: number): Promise<number> {
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  const workers = Array.from({ length: threads }, () => new Worker(url, { type: "module" }));
  try {
    const said = (worker: Worker) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
    const module = multiplyAddModule();
    await Promise.all(workers.map((worker) => {
      const ready = said(worker);
      worker.postMessage({ module, iterations, calls: 60 });
      return ready;
    }));
    const seconds = await Promise.all(workers.map((worker) => {
      const timed = said(worker) as Promise<number>;
      worker.postMessage("go");
      return timed;
    }));
    return seconds.reduce((rate, time) => rate + flopOfCall / time / 1e9, 0);
  } finally {
    for (const worker of workers) worker.terminate();
    URL.revokeObjectURL(url);
  }
}
