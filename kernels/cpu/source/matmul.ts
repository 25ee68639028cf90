/**
 * out = activation((alpha op(A) op(B) + bias) * rowScale * columnScale) [+ out], in two jobs: both operands are packed
 * into panels, then blocks of the output are computed from them. A block keeps its sums in tiles of the thread's own
 * scratch memory, depth block by depth block, and each tile ends in the epilogue while it is still in the cache.
 */
import { Activations } from "./activations";
import { Lanes } from "./lanes";
import { MicroKernel, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./micro_kernel";
import { Packing } from "./packing";

/** Depth of a block: a panel of B (8 KiB) stays in the first-level cache, a block of A in the second. */
const DEPTH_BLOCK: i32 = 256;

/** One operand to be packed. Strides are in bytes. */
@unmanaged
class OperandJob {
  source: usize;
  target: usize;
  lines: i32;
  stride: usize;
  batchStride: usize;
  across: i32;
  /** Lines of one chunk, a multiple of the panel's width. */
  chunkLines: i32;
  chunksPerMatrix: i32;
  /** Matrices to pack: the batch, or 1 if it shares one. */
  matrices: i32;
}

@unmanaged
export class PackJob {
  depth: i32;
  a: usize;
  b: usize;
}

/** Chunks: those of A first, then those of B. The two OperandJob stand behind the PackJob. */
export function packOperands(job: PackJob, chunk: i32): void {
  const a = changetype<OperandJob>(changetype<usize>(job) + offsetof<PackJob>());
  const b = changetype<OperandJob>(changetype<usize>(a) + offsetof<OperandJob>());
  const chunksOfA = a.chunksPerMatrix * a.matrices;
  if (chunk < chunksOfA) packChunk(a, chunk, job.depth, TILE_ROWS);
  else packChunk(b, chunk - chunksOfA, job.depth, TILE_COLUMNS);
}

function packChunk(job: OperandJob, chunk: i32, depth: i32, width: i32): void {
  const matrix = chunk / job.chunksPerMatrix;
  let line = chunk % job.chunksPerMatrix * job.chunkLines;
  const end = min(line + job.chunkLines, job.lines);
  const across = job.across != 0;
  const lineStep: usize = across ? 4 : job.stride;
  const panelBytes = <usize> depth * width * 4;
  const panels = (job.lines + width - 1) / width;
  let to = job.target + (<usize> matrix * panels + line / width) * panelBytes;
  let source = job.source + <usize> matrix * job.batchStride + <usize> line * lineStep;
  while (line < end) {
    if (width == 6) Packing.panel6(to, source, job.stride, across, min(6, job.lines - line), depth);
    else if (across && line + 32 <= end) {
      Packing.panels8Across(to, panelBytes, source, job.stride, depth);
      line += 24;
      to += 3 * panelBytes;
      source += 96;
    } else Packing.panel8(to, source, job.stride, across, min(8, job.lines - line), depth);
    line += width;
    to += panelBytes;
    source += <usize> width * lineStep;
  }
}

@unmanaged
export class MultiplyJob {
  out: usize;
  a: usize;
  b: usize;
  m: i32;
  n: i32;
  depth: i32;
  /** Bytes from one row of out to the next, and from one matrix to the next. */
  stride: usize;
  batchStride: usize;
  /** Bytes from one packed matrix to the next; 0 where the batch shares one. */
  batchStrideA: usize;
  batchStrideB: usize;
  /** Panels of a block, and blocks of a matrix. */
  rowPanels: i32;
  columnPanels: i32;
  rowBlocks: i32;
  columnBlocks: i32;
  alpha: f32;
  /** 0 where absent. */
  bias: usize;
  biasOfRows: i32;
  rowScale: usize;
  columnScale: usize;
  activation: i32;
  accumulate: i32;
}

/** A chunk is a block of rowPanels x columnPanels tiles of one matrix of the batch. */
export function multiplyTiles(job: MultiplyJob, chunk: i32, scratch: usize): void {
  const blocks = job.rowBlocks * job.columnBlocks;
  const matrix = chunk / blocks;
  const block = chunk % blocks;
  const depth = job.depth;
  const firstRow = block % job.rowBlocks * job.rowPanels;
  const firstColumn = block / job.rowBlocks * job.columnPanels;
  const endRow = min(firstRow + job.rowPanels, (job.m + TILE_ROWS - 1) / TILE_ROWS);
  const endColumn = min(firstColumn + job.columnPanels, (job.n + TILE_COLUMNS - 1) / TILE_COLUMNS);
  const panelA = <usize> depth * TILE_ROWS * 4, panelB = <usize> depth * TILE_COLUMNS * 4;
  const a = job.a + <usize> matrix * job.batchStrideA, b = job.b + <usize> matrix * job.batchStrideB;
  const out = job.out + <usize> matrix * job.batchStride;
  let from = 0;
  do {
    const size = min(DEPTH_BLOCK, depth - from);
    const last = from + size >= depth;
    let tile = scratch;
    for (let column = firstColumn; column < endColumn; column++) {
      const bAt = b + <usize> column * panelB + <usize> from * TILE_COLUMNS * 4;
      for (let row = firstRow; row < endRow; row++) {
        MicroKernel.run(a + <usize> row * panelA + <usize> from * TILE_ROWS * 4, bAt, size, tile, from > 0);
        if (last) finishTile(job, out, row * TILE_ROWS, column * TILE_COLUMNS, tile);
        tile += TILE_BYTES;
      }
    }
    from += DEPTH_BLOCK;
  } while (from < depth);
}

/** The epilogue of one tile, and its way out. */
function finishTile(job: MultiplyJob, out: usize, row: i32, column: i32, tile: usize): void {
  const rows = min(TILE_ROWS, job.m - row), columns = min(TILE_COLUMNS, job.n - column);
  const alpha = f32x4.splat(job.alpha);
  let bias0 = f32x4.splat(0), bias1 = bias0;
  let scale0 = f32x4.splat(1), scale1 = scale0;
  // Beyond the last column these read whatever follows; those lanes are never stored.
  if (job.bias != 0 && !job.biasOfRows) {
    bias0 = v128.load(job.bias + (<usize> column << 2), 0);
    bias1 = v128.load(job.bias + (<usize> column << 2), 16);
  }
  if (job.columnScale != 0) {
    scale0 = v128.load(job.columnScale + (<usize> column << 2), 0);
    scale1 = v128.load(job.columnScale + (<usize> column << 2), 16);
  }
  let to = out + <usize> row * job.stride + (<usize> column << 2);
  for (let i = 0; i < rows; i++) {
    if (job.bias != 0 && job.biasOfRows) {
      bias0 = bias1 = v128.load32_splat(job.bias + (<usize> (row + i) << 2));
    }
    let x0 = Lanes.madd(v128.load(tile, 0), alpha, bias0);
    let x1 = Lanes.madd(v128.load(tile, 16), alpha, bias1);
    if (job.rowScale != 0) {
      const scale = v128.load32_splat(job.rowScale + (<usize> (row + i) << 2));
      x0 = f32x4.mul(x0, scale);
      x1 = f32x4.mul(x1, scale);
    }
    x0 = f32x4.mul(x0, scale0);
    x1 = f32x4.mul(x1, scale1);
    if (job.activation) {
      x0 = Activations.apply(job.activation, x0);
      x1 = Activations.apply(job.activation, x1);
    }
    if (columns == TILE_COLUMNS) {
      if (job.accumulate) {
        x0 = f32x4.add(x0, v128.load(to, 0));
        x1 = f32x4.add(x1, v128.load(to, 16));
      }
      v128.store(to, x0, 0);
      v128.store(to, x1, 16);
    } else {
      v128.store(tile, x0, 0);
      v128.store(tile, x1, 16);
      for (let j = 0; j < columns; j++) {
        let value = load<f32>(tile + (<usize> j << 2));
        if (job.accumulate) value += load<f32>(to + (<usize> j << 2));
        store<f32>(to + (<usize> j << 2), value);
      }
    }
    tile += 32;
    to += job.stride;
  }
}

@unmanaged
export class EpilogueJob {
  out: usize;
  x: usize;
  rows: i32;
  columns: i32;
  /** Bytes from row to row. */
  stride: usize;
  xStride: usize;
  bias: usize;
  biasOfRows: i32;
  rowScale: usize;
  columnScale: usize;
  activation: i32;
  accumulate: i32;
  chunkRows: i32;
}

/** The epilogue alone, on the product x that a BLAS library has made. A chunk is some rows. */
export function epilogue(job: EpilogueJob, chunk: i32): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  for (let row = first; row < end; row++) {
    const x = job.x + <usize> row * job.xStride, out = job.out + <usize> row * job.stride;
    let bias = f32x4.splat(0), scale = f32x4.splat(1);
    if (job.bias != 0 && job.biasOfRows) bias = v128.load32_splat(job.bias + (<usize> row << 2));
    if (job.rowScale != 0) scale = v128.load32_splat(job.rowScale + (<usize> row << 2));
    for (let c = 0; c < job.columns; c += 4) {
      const at = <usize> c << 2;
      if (job.bias != 0 && !job.biasOfRows) bias = v128.load(job.bias + at);
      let value = f32x4.mul(f32x4.add(v128.load(x + at), bias), scale);
      if (job.columnScale != 0) value = f32x4.mul(value, v128.load(job.columnScale + at));
      value = Activations.apply(job.activation, value);
      if (job.accumulate) value = f32x4.add(value, v128.load(out + at));
      Lanes.store(out + at, value, job.columns - c);
    }
  }
}
