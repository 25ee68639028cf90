/** Real FFT, its inverse and the product of spectra, rows in windows. */
import fftText from "../../../kernels/fft.wgsl" with { type: "text" };
import { type GpuStorage, part, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Operations } from "./operation.ts";
import type { Runtime } from "./runtime.ts";
import { pieces } from "./splitting.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("fft", fftText);

/** Most bytes of complex numbers in work at a time, twice. */
const workBytes = 128 << 20;

/** exp(-2 pi i k / n) for k < n / 2, kept for every n a device was asked for. */
const twiddleTables = new WeakMap<Runtime, Map<number, GpuStorage>>();

function twiddles(runtime: Runtime, n: number): GpuStorage {
  let tables = twiddleTables.get(runtime);
  if (!tables) twiddleTables.set(runtime, tables = new Map());
  let table = tables.get(n);
  if (!table) {
    const values = new Float32Array(n);
    for (let k = 0; k < n / 2; k++) {
      values[2 * k] = Math.cos(2 * Math.PI * k / n);
      values[2 * k + 1] = -Math.sin(2 * Math.PI * k / n);
    }
    table = runtime.allocate("f32", n);
    upload(runtime, table, values, 0);
    tables.set(n, table);
  }
  return table;
}

/** Radices whose product is `points`: sixteens, and one smaller first. */
function radices(points: number): number[] {
  const found: number[] = [];
  for (let left = points; left > 1; left /= 16) found.push(Math.min(16, left));
  return found.length === 0 ? [1] : found.reverse();
}

interface Transform {
  readonly what: string;
  readonly rows: number;
  readonly points: number;
  /** Samples of a row that are there. */
  readonly length: number;
  readonly sign: 1 | -1;
  /** What the first pass reads: 1 for real samples, 2 for the spectrum of real samples. */
  readonly source: { readonly kind: 1 | 2; readonly window: Window };
  /** Where the last pass stores samples, if anywhere. */
  readonly target: { readonly window: Window; readonly scale: number } | null;
}

/** All passes of a complex transform of each row; `finish` gets the result where there is no target. */
function transform(
  runtime: Runtime,
  { what, rows, points, length, sign, source, target }: Transform,
  finish: (result: GpuStorage) => void = () => {},
): void {
  const table = whole(twiddles(runtime, 2 * points));
  runtime.scratch("f32", 2 * rows * points, (ping) =>
    runtime.scratch("f32", 2 * rows * points, (pong) => {
      let [from, to] = [ping, pong];
      let span = 1;
      radices(points).forEach((radix, index, all) => {
        const first = index === 0;
        const last = index === all.length - 1 && target !== null;
        runtime.dispatch(kernel, what, {
          entry: `pass${radix}`,
          operands: {
            out: last ? target.window : null,
            work_to: last ? null : whole(to),
            x: first ? source.window : null,
            work_from: first ? null : whole(from),
            twiddles: table,
          },
          params: { rows, points, span, length, sign, scale: target?.scale ?? 1 },
          constants: { SOURCE: first ? source.kind : 0, TARGET: last ? 1 : 0 },
          work: rows * points / radix,
        });
        span *= radix;
        [from, to] = [to, from];
      });
      finish(from);
    }));
}

/** Rows a piece, so that the spectra fit a binding and the work stays small. */
function rowsAtOnce(runtime: Runtime, n: number): number {
  const most = Math.min(runtime.maxWindowBytes, workBytes);
  return Math.max(1, Math.floor(most / (4 * (n + 2))));
}

const realFft: Operation<"realFft"> = (runtime, out, x, rows, length, n) => {
  const what = `real FFT of ${rows} x ${length}, n = ${n}`;
  const points = n / 2;
  for (const [row, count] of pieces(rows, rowsAtOnce(runtime, n))) {
    const source = { kind: 1, window: part(x, row * length, count * length) } as const;
    const passes = { what, rows: count, points, length, sign: 1, source, target: null } as const;
    transform(runtime, passes, (result) =>
      runtime.dispatch(kernel, what, {
        entry: "unfold",
        operands: {
          out: part(out, row * (n + 2), count * (n + 2)),
          work_from: whole(result),
          twiddles: whole(twiddles(runtime, n)),
        },
        params: { rows: count, points, sign: 1 },
        work: count * (points + 1),
      }));
  }
};

const inverseRealFft: Operation<"inverseRealFft"> = (runtime, out, spectrum, rows, length, n) => {
  const what = `inverse real FFT of ${rows} x ${length}, n = ${n}`;
  for (const [row, count] of pieces(rows, rowsAtOnce(runtime, n))) {
    const source = { kind: 2, window: part(spectrum, row * (n + 2), count * (n + 2)) } as const;
    const target = { window: part(out, row * length, count * length), scale: 2 / n };
    transform(runtime, { what, rows: count, points: n / 2, length, sign: -1, source, target });
  }
};

const complexMultiply: Operation<"complexMultiply"> = (
  runtime,
  { out, a, b },
  { rows, bRows, frequencies, conjugateB = false },
) => {
  if (frequencies === 0) return;
  const width = 2 * frequencies;
  const most = runtime.rowsPerWindow("complexMultiply", [[out, width], [a, width], [b, width]]);
  const wholeB = bRows <= most;
  for (let row = 0; row < rows;) {
    const count = Math.min(most, rows - row, wholeB ? Infinity : bRows - row % bRows);
    runtime.dispatch(kernel, `complex product ${rows} x ${frequencies}`, {
      entry: "multiply",
      operands: {
        out: part(out, row * width, count * width),
        x: part(a, row * width, count * width),
        y: wholeB ? part(b, 0, bRows * width) : part(b, row % bRows * width, count * width),
      },
      params: {
        rows: count,
        points: frequencies,
        first_row: wholeB ? row : 0,
        b_rows: wholeB ? bRows : count,
        sign: conjugateB ? -1 : 1,
      },
      work: count * frequencies,
    });
    row += count;
  }
};

export const transforms: Operations<"realFft" | "inverseRealFft" | "complexMultiply"> = {
  realFft,
  inverseRealFft,
  complexMultiply,
};
