/** Matrix products: cuts them into blocks that fit scratch memory and caches, and launches the two kernels. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { Backend, MatmulOptions, MatrixOperand } from "../backend.ts";
import { placeOf } from "../matrix_operand.ts";
import { activationCodes } from "./activation_codes.ts";
import type { Blas } from "./blas.ts";
import type { Engine } from "./engine.ts";
import { multiplyByBlas, worthBlas } from "./matmul_blas.ts";
import { float } from "./thread_pool.ts";
import { TileChoice } from "./tile_choice.ts";

const tileRows = 4, tileColumns = 8;
/** Most panels of a block of the output: its tiles take 96 KiB, its part of A and B a few hundred. */
const blockRowPanels = 18, blockColumnPanels = 32;
/** Three panels of four rows are two of six. */
const panelsBySix = 3;
/** Blocks that a product is cut into where it is large enough, so that no thread waits long for the last one. */
const wantedBlocks = 24;
/** Multiplications below which a block is not worth handing to another thread. */
const smallestBlock = 1 << 18;
/** Floats that the packed part of one operand may take. */
const packedLimit = 1 << 24;
/** Floats of an operand that one chunk packs. */
const packedChunk = 1 << 15;

/** A matrix operand with its defaults filled in, seen as `lines` x `depth`; strides in elements. */
interface Packable {
  pointer: number;
  stride: number;
  batchStride: number;
  /** Depths, not lines, are `stride` apart. */
  across: boolean;
}

/**
 * @param blas takes the larger products, where there is one
 * @param choice between the two inner loops of the others
 */
export function matmulOperations(
  engine: Engine,
  blas: Blas | null = null,
  choice: TileChoice = new TileChoice(),
): Pick<Backend, "matmul"> {
  const measure = (bySix: boolean) => secondsOfProduct(engine, bySix);
  return {
    matmul(...operands) {
      checkMatmul(engine, ...operands);
      const [out, a, b, options] = operands[0].transposed ? turned(...operands) : operands;
      const { batch = 1, m, n, k } = options;
      if (blas && worthBlas(options)) multiplyByBlas(engine, blas, out, a, b, options);
      else multiply(engine, out, a, b, options, choice.bySix(batch * m * n * k, measure));
    },
  };
}

/** Time of a product that takes half a millisecond, for `TileChoice`. */
export function secondsOfProduct(engine: Engine, bySix: boolean): number {
  const m = 192, n = 256, k = 512;
  const [out, a, b] = [m * n, m * k, k * n].map((size) => engine.heap.allocate("f32", size));
  try {
    for (const storage of [a, b]) engine.heap.view(storage).fill(1);
    const start = performance.now();
    multiply(engine, { storage: out }, { storage: a }, { storage: b }, { m, n, k }, bySix);
    return performance.now() - start;
  } finally {
    for (const storage of [out, a, b]) engine.heap.release(storage);
  }
}

/** out' = op(B)' op(A)': rows and columns change places everywhere. */
function turned(...[out, a, b, options]: Parameters<Backend["matmul"]>): Parameters<Backend["matmul"]> {
  const turn = (x: MatrixOperand): MatrixOperand => ({ ...x, transposed: !x.transposed });
  return [turn(out), turn(b), turn(a), {
    ...options,
    m: options.n,
    n: options.m,
    biasAxis: options.biasAxis === "row" ? "column" : "row",
    rowScale: options.columnScale,
    columnScale: options.rowScale,
  }];
}

function multiply(
  engine: Engine,
  out: MatrixOperand,
  a: MatrixOperand,
  b: MatrixOperand,
  options: MatmulOptions,
  bySix: boolean,
): void {
  const { batch = 1, m, n, k } = options;
  if (batch === 0 || m === 0 || n === 0) return;
  const left = packable(engine, a, m, k, "rows"), right = packable(engine, b, k, n, "columns");
  const rowSlab = slab(m, tileRows, k), columnSlab = slab(n, tileColumns, k);
  const perMatrix = Math.max(panelled(rowSlab, tileRows) * k, panelled(columnSlab, tileColumns) * k, 1);
  const whole = rowSlab >= m && columnSlab >= n;
  const batchSlab = whole ? Math.min(batch, Math.max(1, Math.floor(packedLimit / perMatrix))) : 1;
  for (let first = 0; first < batch; first += batchSlab) {
    const matrices = Math.min(batchSlab, batch - first);
    for (let column = 0; column < n; column += columnSlab) {
      for (let row = 0; row < m; row += rowSlab) {
        const rows = Math.min(rowSlab, m - row), columns = Math.min(columnSlab, n - column);
        const part = { first, matrices, row, rows, column, columns, bySix };
        multiplySlab(engine, out, left, right, options, part);
      }
    }
  }
}

interface Slab {
  first: number;
  matrices: number;
  row: number;
  rows: number;
  column: number;
  columns: number;
  bySix: boolean;
}

function multiplySlab(
  engine: Engine,
  out: MatrixOperand,
  a: Packable,
  b: Packable,
  options: MatmulOptions,
  { first, matrices, row, rows, column, columns, bySix }: Slab,
): void {
  const { n, k, m, alpha = 1, bias, biasAxis = "column", rowScale, columnScale, activation = "none" } =
    options;
  const { rowPanels, columnPanels, rowBlocks, columnBlocks } = cutIntoBlocks(rows, columns, k, matrices);
  // An operand is packed ahead where more than one block reads it.
  const floatsOf = (operand: Packable, lines: number, width: number, readers: number) => {
    const shared = operand.batchStride === 0 && matrices > 1;
    return readers > 1 || shared ? panelled(lines, width) * k * (shared ? 1 : matrices) : 0;
  };
  const floatsA = floatsOf(a, rows, tileRows, columnBlocks);
  const floatsB = floatsOf(b, columns, tileColumns, rowBlocks);
  const packed = floatsA + floatsB > 0 ? engine.heap.allocate("f32", floatsA + floatsB) : null;
  const operand = (x: Packable, at: number, floats: number, line: number, lines: number, width: number) => {
    const chunkLines = width * Math.max(1, Math.ceil(packedChunk / (width * Math.max(k, 1))));
    const source = x.pointer + 4 * (first * x.batchStride + line * (x.across ? 1 : x.stride));
    const count = x.batchStride === 0 ? 1 : matrices;
    const chunks = floats > 0 ? Math.ceil(lines / chunkLines) : 0;
    const words = [
      ...[source, 4 * x.stride, 4 * x.batchStride, +x.across, lines],
      ...[floats > 0 ? at : 0, x.batchStride === 0 ? 0 : 4 * panelled(lines, width) * k],
      ...[count, chunkLines, chunks],
    ];
    return { words, chunks: chunks * count };
  };
  const start = packed?.pointer ?? 0;
  const partA = operand(a, start, floatsA, row, rows, tileRows);
  const partB = operand(b, start + 4 * floatsA, floatsB, column, columns, tileColumns);
  const { stride, offset, batchStride } = placeOf(out, m, n);
  const outPointer = engine.pointer(out.storage) + 4 * (offset + first * batchStride + row * stride + column);
  const vector = (storage: MatmulOptions["bias"], from: number) =>
    storage ? engine.pointer(storage) + 4 * from : 0;
  try {
    engine.run(Kernel.PackOperands, partA.chunks + partB.chunks, [k, ...partA.words, ...partB.words]);
    engine.run(Kernel.MultiplyTiles, rowBlocks * columnBlocks * matrices, [
      ...[outPointer, rows, columns, k, 4 * stride, 4 * batchStride],
      ...[rowPanels, columnPanels, rowBlocks, columnBlocks],
      float(alpha),
      vector(bias, biasAxis === "row" ? row : column),
      +(biasAxis === "row"),
      vector(rowScale, row),
      vector(columnScale, column),
      activationCodes[activation],
      +(options.accumulate ?? false),
      +bySix,
      ...partA.words,
      ...partB.words,
    ]);
  } finally {
    if (packed) engine.heap.release(packed);
  }
}

/** Panels of a block of the output, and number of blocks, for a product of some rows and columns. */
function cutIntoBlocks(rows: number, columns: number, depth: number, matrices: number) {
  const panels = [Math.ceil(rows / tileRows), Math.ceil(columns / tileColumns)];
  const most = [blockRowPanels, blockColumnPanels];
  const blocks = panels.map((count, axis) => Math.ceil(count / most[axis]));
  const wanted = Math.min(wantedBlocks, rows * columns * depth * matrices / smallestBlock);
  const size = (axis: number) => panels[axis] / blocks[axis];
  while (blocks[0] * blocks[1] * matrices < wanted && size(0) * size(1) > 1) {
    blocks[size(1) >= size(0) ? 1 : 0]++;
  }
  const [wantedRowPanels, columnPanels] = panels.map((count, axis) => Math.ceil(count / blocks[axis]));
  const rowPanels = panelled(wantedRowPanels, panelsBySix);
  return {
    rowPanels,
    columnPanels,
    rowBlocks: Math.ceil(panels[0] / rowPanels),
    columnBlocks: Math.ceil(panels[1] / columnPanels),
  };
}

/** Lines of an operand that are packed at once. */
function slab(lines: number, width: number, depth: number): number {
  const panels = Math.max(1, Math.floor(packedLimit / Math.max(1, depth * width)));
  return Math.min(lines, panels * width);
}

function panelled(lines: number, width: number): number {
  return Math.ceil(lines / width) * width;
}

function packable(
  engine: Engine,
  operand: MatrixOperand,
  rows: number,
  columns: number,
  lines: "rows" | "columns",
): Packable {
  const { offset, stride, batchStride } = placeOf(operand, rows, columns);
  const pointer = engine.pointer(operand.storage) + 4 * offset;
  const across = (lines === "columns") !== (operand.transposed ?? false);
  return { pointer, stride, batchStride, across };
}

/** @throws {RangeError} when an operand reaches beyond its storage */
function checkMatmul(
  engine: Engine,
  out: MatrixOperand,
  a: MatrixOperand,
  b: MatrixOperand,
  options: MatmulOptions,
): void {
  const { batch = 1, m, n, k, bias, biasAxis = "column", rowScale, columnScale } = options;
  const what = () => `matmul of ${batch} x (${m} x ${k}) (${k} x ${n})`;
  const check = (name: string, operand: MatrixOperand, rows: number, columns: number) => {
    const { offset, stride, batchStride, storedRows, storedColumns } = placeOf(operand, rows, columns);
    const empty = batch === 0 || storedRows === 0 || storedColumns === 0;
    const end = empty ? 0 : offset + (batch - 1) * batchStride + (storedRows - 1) * stride + storedColumns;
    engine.check(`${what()}: ${name}`, operand.storage, end);
  };
  check("out", out, m, n);
  check("a", a, m, k);
  check("b", b, k, n);
  if (bias) engine.check(`${what()}: bias`, bias, biasAxis === "row" ? m : n);
  if (rowScale) engine.check(`${what()}: rowScale`, rowScale, m);
  if (columnScale) engine.check(`${what()}: columnScale`, columnScale, n);
}
