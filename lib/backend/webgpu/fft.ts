/** Real FFT, its inverse and the product of spectra, rows in windows. */
import fftText from "../../../kernels/fft.wgsl" with { type: "text" };
import { part, pieces } from "./elementwise.ts";
import { type GpuStorage, whole, type Window } from "./gpu_storage.ts";
import { Kernel } from "./kernel.ts";
import { grid, type Runtime } from "./runtime.ts";
import { upload } from "./transfer.ts";

const kernel = new Kernel("fft", fftText);
const unused = { rows: 0, points: 0, span: 1, length: 0, sign: 1, scale: 1, first_row: 0, b_rows: 1 };

/** Most bytes of complex numbers in work at a time, twice. */
const workBytes = 128 << 20;

function run(
  runtime: Runtime,
  entry: string,
  what: string,
  operands: Record<string, Window | null>,
  params: Partial<typeof unused>,
  invocations: number,
  constants: Record<string, number> = {},
): void {
  runtime.dispatch(kernel, what, {
    entry,
    operands,
    params: { ...unused, ...params },
    constants,
    workgroups: grid(invocations, 64),
  });
}

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

/** All passes of a complex transform of each row; calls back with the operands that the first and the last pass need. */
function transform(
  runtime: Runtime,
  what: string,
  rows: number,
  points: number,
  length: number,
  sign: number,
  source: { kind: 1 | 2; window: Window },
  target: { window: Window; scale: number } | null,
  finish: (result: GpuStorage) => void,
): void {
  const table = whole(twiddles(runtime, 2 * points));
  runtime.scratch("f32", 2 * rows * points, (ping) =>
    runtime.scratch("f32", 2 * rows * points, (pong) => {
      let [from, to] = [ping, pong];
      let span = 1;
      radices(points).forEach((radix, index, all) => {
        const first = index === 0;
        const last = index === all.length - 1 && target !== null;
        const operands = {
          out: last ? target.window : null,
          work_to: last ? null : whole(to),
          x: first ? source.window : null,
          work_from: first ? null : whole(from),
          twiddles: table,
        };
        const params = { rows, points, span, length, sign, scale: target?.scale ?? 1 };
        run(runtime, `pass${radix}`, what, operands, params, rows * points / radix, {
          SOURCE: first ? source.kind : 0,
          TARGET: last ? 1 : 0,
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

export function realFft(
  runtime: Runtime,
  out: GpuStorage,
  x: GpuStorage,
  rows: number,
  length: number,
  n: number,
): void {
  const what = `real FFT of ${rows} x ${length}, n = ${n}`;
  const points = n / 2;
  for (const [row, count] of pieces(rows, rowsAtOnce(runtime, n))) {
    const window = part(x, row * length, count * length);
    transform(runtime, what, count, points, length, 1, { kind: 1, window }, null, (result) => {
      const operands = {
        out: part(out, row * (n + 2), count * (n + 2)),
        work_from: whole(result),
        twiddles: whole(twiddles(runtime, n)),
      };
      run(runtime, "unfold", what, operands, { rows: count, points }, count * (points + 1));
    });
  }
}

export function inverseRealFft(
  runtime: Runtime,
  out: GpuStorage,
  spectrum: GpuStorage,
  rows: number,
  length: number,
  n: number,
): void {
  const what = `inverse real FFT of ${rows} x ${length}, n = ${n}`;
  for (const [row, count] of pieces(rows, rowsAtOnce(runtime, n))) {
    const source = { kind: 2 as const, window: part(spectrum, row * (n + 2), count * (n + 2)) };
    const target = { window: part(out, row * length, count * length), scale: 2 / n };
    transform(runtime, what, count, n / 2, length, -1, source, target, () => {});
  }
}

export function complexMultiply(
  runtime: Runtime,
  out: GpuStorage,
  a: GpuStorage,
  b: GpuStorage,
  rows: number,
  bRows: number,
  frequencies: number,
  conjugateB: boolean,
): void {
  const what = `complex product ${rows} x ${frequencies}`;
  if (frequencies === 0) return;
  const width = 2 * frequencies;
  const most = runtime.rowsPerWindow("complexMultiply", [[out, width], [a, width], [b, width]]);
  const wholeB = bRows <= most;
  for (let row = 0; row < rows;) {
    const count = Math.min(most, rows - row, wholeB ? Infinity : bRows - row % bRows);
    const operands = {
      out: part(out, row * width, count * width),
      x: part(a, row * width, count * width),
      y: wholeB ? part(b, 0, bRows * width) : part(b, row % bRows * width, count * width),
    };
    const params = {
      rows: count,
      points: frequencies,
      first_row: wholeB ? row : 0,
      b_rows: wholeB ? bRows : count,
      sign: conjugateB ? -1 : 1,
    };
    run(runtime, "multiply", what, operands, params, count * frequencies);
    row += count;
  }
}
