/** Causal convolutions and Fourier transforms. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { Backend, ConvolutionShape, Storage } from "../backend.ts";
import { type Engine, rowChunks } from "./engine.ts";
import type { CpuStorage } from "./heap.ts";
import { scratchAt, scratchBytes } from "./thread_pool.ts";

type Convolutions = Pick<
  Backend,
  | "causalConvolution"
  | "causalConvolutionBackward"
  | "realFft"
  | "inverseRealFft"
  | "complexMultiply"
>;

/** Samples of a chunk (TIME_BLOCK of kernels/cpu/float32/convolution.ts). */
const timeBlock = 16384;
/** Longest transform. */
const longest = 2 ** 21;

export function convolutions(engine: Engine): Convolutions {
  const roots = new Map<number, CpuStorage>();
  const transform = (kernel: Kernel, out: Storage, x: Storage, rows: number, length: number, n: number) => {
    if (rows === 0) return;
    const half = n / 2;
    const perThread = 4 * (half + 8);
    const work = engine.heap.allocate("f32", engine.pool.options.threads * perThread);
    try {
      engine.run(kernel, rows, [
        ...[engine.pointer(out), engine.pointer(x), length, n],
        ...[rootsOfUnity(engine, roots, n).pointer, work.pointer, scratchAt, scratchBytes],
      ]);
    } finally {
      engine.heap.release(work);
    }
  };
  return {
    causalConvolution({ out, x, weight, bias }, shape) {
      const { rows, channels, length, taps } = shape;
      const what = `causalConvolution of ${rows} x ${length}, ${taps} taps`;
      checkConvolution(engine, what, { out, x }, weight, bias, shape);
      const blocks = Math.ceil(length / timeBlock);
      engine.run(Kernel.CausalConvolution, rows * blocks, [
        ...[out, x, weight, bias].map(engine.pointer),
        ...[channels, length, taps, blocks],
      ]);
    },

    causalConvolutionBackward({ dx, dweight, dbias, dy, x, weight }, shape) {
      const { rows, channels, length, taps } = shape;
      const what = `gradient of causalConvolution of ${rows} x ${length}, ${taps} taps`;
      checkConvolution(engine, what, { dx, dy, x }, weight, dbias, shape);
      engine.check(`${what}: dweight`, dweight, channels * taps);
      if (dweight || dbias) {
        engine.run(Kernel.ConvolutionWeightGradient, channels, [
          ...[dweight, dbias, dy, x].map(engine.pointer),
          ...[rows, channels, length, taps],
        ]);
      }
      if (!dx) return;
      const blocks = Math.ceil(length / timeBlock);
      engine.run(Kernel.ConvolutionInputGradient, rows * blocks, [
        ...[dx, dy, weight, null].map(engine.pointer),
        ...[channels, length, taps, blocks],
      ]);
    },

    realFft(out, x, rows, length, n) {
      const what = `realFft of ${rows} x ${length}, n = ${n}`;
      checkTransform(what, length, n);
      engine.check(`${what}: out`, out, rows * (n + 2));
      engine.check(`${what}: x`, x, rows * length);
      transform(Kernel.RealFft, out, x, rows, length, n);
    },

    inverseRealFft(out, spectrum, rows, length, n) {
      const what = `inverseRealFft of ${rows} x ${length}, n = ${n}`;
      checkTransform(what, length, n);
      engine.check(`${what}: out`, out, rows * length);
      engine.check(`${what}: spectrum`, spectrum, rows * (n + 2));
      transform(Kernel.InverseRealFft, out, spectrum, rows, length, n);
    },

    complexMultiply({ out, a, b }, { rows, bRows, frequencies, conjugateB = false }) {
      const what = `complexMultiply of ${rows} x ${frequencies} by ${bRows}`;
      engine.check(`${what}: out`, out, 2 * rows * frequencies);
      engine.check(`${what}: a`, a, 2 * rows * frequencies);
      engine.check(`${what}: b`, b, 2 * bRows * frequencies);
      const [chunkRows, chunks] = rowChunks(rows, 2 * frequencies);
      engine.run(Kernel.ComplexMultiply, chunks, [
        ...[out, a, b].map(engine.pointer),
        ...[rows, bRows, frequencies, +conjugateB, chunkRows],
      ]);
    },
  };
}

/** e^(-2 pi i k / n) for k <= n / 4: cosines, then sines, each with room for eight more. Kept for the engine's life. */
function rootsOfUnity(engine: Engine, cache: Map<number, CpuStorage>, n: number): CpuStorage {
  const cached = cache.get(n);
  if (cached) return cached;
  const count = Math.floor(n / 4) + 8;
  const table = engine.heap.allocate("f32", 2 * count);
  const view = engine.heap.view(table);
  for (let k = 0; k < count; k++) {
    const angle = -2 * Math.PI * k / n;
    view[k] = Math.cos(angle);
    view[count + k] = Math.sin(angle);
  }
  cache.set(n, table);
  return table;
}

function checkTransform(what: string, length: number, n: number): void {
  if (!(n >= 2 && n <= longest && Number.isInteger(Math.log2(n)))) {
    throw new RangeError(`${what}: n must be a power of two from 2 to ${longest}`);
  }
  if (length > n) throw new RangeError(`${what}: n must not be below the length`);
}

function checkConvolution(
  engine: Engine,
  what: string,
  signals: Record<string, Storage | null>,
  weight: Storage,
  bias: Storage | null,
  { rows, channels, length, taps }: ConvolutionShape,
): void {
  for (const [name, storage] of Object.entries(signals)) {
    engine.check(`${what}: ${name}`, storage, rows * length);
  }
  engine.check(`${what}: weight`, weight, channels * taps);
  engine.check(`${what}: bias`, bias, channels);
}
