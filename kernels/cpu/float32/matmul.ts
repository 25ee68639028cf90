/**
 * out = activation((alpha op(A) op(B) + bias) * rowScale * columnScale) [+ out], in two jobs: operands that several
 * blocks of the output read are packed into panels, then the blocks are computed, each packing for itself what only it
 * reads. A block keeps its sums in tiles of the thread's own scratch memory, depth block by depth block, and each tile
 * ends in the epilogue while it is still in the cache.
 */
import { Activations } from "./activations";
import { Lanes } from "./lanes";
import { MicroKernel, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./micro_kernel";
import { Packing } from "./packing";

/** Depth of a block: a panel of B (8 KiB) stays in the first-level cache, a block of A in the second. */
const DEPTH_BLOCK: i32 = 512;

/** Where a thread packs operands that are read by one block only, behind the block's tiles. */
const BLOCK_OF_A: usize = 128 * 1024;
const PANELS_OF_B: usize = 384 * 1024;

/** One operand, as it lies and as it is packed. Strides are in bytes. */
@unmanaged
class OperandJob {
  source: usize;
  stride: usize;
  batchStride: usize;
  across: i32;
  /** Rows of op(A) or columns of op(B). */
  lines: i32;
  /** Where all of it is packed ahead of the product; 0 where each block packs what it reads. */
  packed: usize;
  /** From one packed matrix to the next; 0 where the batch shares one. */
  packedStride: usize;
  /** Matrices to pack: the batch, or 1 if it shares one. */
  matrices: i32;
  /** Lines of one chunk of the packing, a multiple of the panel's width. */
  chunkLines: i32;
  chunksPerMatrix: i32;

  /** Address of a line of a matrix at some depth. */
  @inline
  at(matrix: i32, line: i32, depth: i32): usize {
    const lineStep: usize = this.across ? 4 : this.stride, depthStep: usize = this.across ? this.stride : 4;
    return this.source + <usize> matrix * this.batchStride + <usize> line * lineStep +
      <usize> depth * depthStep;
  }

  /** Pack panels of four lines from `line` to `end`, for `depth` depths from `from` on. */
  panelsOf4(to: usize, matrix: i32, line: i32, end: i32, from: i32, depth: i32): void {
    for (; line < end; line += 4) {
      const source = this.at(matrix, line, from);
      Packing.panel4(to, source, this.stride, this.across != 0, min(4, this.lines - line), depth);
      to += <usize> depth * 16;
    }
  }

  /** Pack panels of eight lines likewise. */
  panelsOf8(to: usize, matrix: i32, line: i32, end: i32, from: i32, depth: i32): void {
    const across = this.across != 0, panelBytes = <usize> depth * 32;
    end = min(end, this.lines);
    while (line < end) {
      const source = this.at(matrix, line, from);
      if (across && line + 32 <= end) {
        Packing.panels8Across(to, panelBytes, source, this.stride, depth);
        line += 32;
        to += 4 * panelBytes;
      } else {
        Packing.panel8(to, source, this.stride, across, min(8, this.lines - line), depth);
        line += 8;
        to += panelBytes;
      }
    }
  }
}

@unmanaged
export class PackJob {
  depth: i32;

  @inline
  get a(): OperandJob {
    return changetype<OperandJob>(changetype<usize>(this) + offsetof<PackJob>());
  }

  @inline
  get b(): OperandJob {
    return changetype<OperandJob>(changetype<usize>(this) + offsetof<PackJob>() + offsetof<OperandJob>());
  }
}

/** Chunks: those of A first, then those of B. */
export function packOperands(job: PackJob, chunk: i32): void {
  const chunksOfA = job.a.chunksPerMatrix * job.a.matrices;
  const operand = chunk < chunksOfA ? job.a : job.b;
  const width = chunk < chunksOfA ? TILE_ROWS : TILE_COLUMNS;
  if (chunk >= chunksOfA) chunk -= chunksOfA;
  const matrix = chunk / operand.chunksPerMatrix;
  const line = chunk % operand.chunksPerMatrix * operand.chunkLines;
  const end = min(line + operand.chunkLines, operand.lines);
  const to = operand.packed + <usize> matrix * operand.packedStride + <usize> line * job.depth * 4;
  if (width == TILE_ROWS) operand.panelsOf4(to, matrix, line, end, 0, job.depth);
  else operand.panelsOf8(to, matrix, line, end, 0, job.depth);
}

@unmanaged
export class MultiplyJob {
  out: usize;
  m: i32;
  n: i32;
  depth: i32;
  /** Bytes from one row of out to the next, and from one matrix to the next. */
  stride: usize;
  batchStride: usize;
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
  /** Go by six rows where there are twelve. */
  bySix: i32;

  @inline
  get a(): OperandJob {
    return changetype<OperandJob>(changetype<usize>(this) + offsetof<MultiplyJob>());
  }

  @inline
  get b(): OperandJob {
    return changetype<OperandJob>(changetype<usize>(this) + offsetof<MultiplyJob>() + offsetof<OperandJob>());
  }
}

/** A chunk is a block of rowPanels x columnPanels tiles of one matrix of the batch. */
export function multiplyTiles(job: MultiplyJob, chunk: i32, scratch: usize): void {
  const a = job.a, b = job.b;
  const blocks = job.rowBlocks * job.columnBlocks;
  const matrix = chunk / blocks;
  const block = chunk % blocks;
  const depth = job.depth;
  const firstRow = block % job.rowBlocks * job.rowPanels;
  const firstColumn = block / job.rowBlocks * job.columnPanels;
  const endRow = min(firstRow + job.rowPanels, (job.m + TILE_ROWS - 1) / TILE_ROWS);
  const endColumn = min(firstColumn + job.columnPanels, (job.n + TILE_COLUMNS - 1) / TILE_COLUMNS);
  const out = job.out + <usize> matrix * job.batchStride;
  let from = 0;
  do {
    const size = min(DEPTH_BLOCK, depth - from);
    const last = from + size >= depth;
    // First panel that this block reads, and bytes from panel to panel.
    let rowAt = scratch + BLOCK_OF_A, rowStep = <usize> size * 16;
    if (a.packed != 0) {
      rowStep = <usize> depth * 16;
      rowAt = a.packed + <usize> matrix * a.packedStride + <usize> firstRow * rowStep + <usize> from * 16;
    } else a.panelsOf4(rowAt, matrix, firstRow * TILE_ROWS, min(endRow * TILE_ROWS, a.lines), from, size);
    let tile = scratch;
    for (let column = firstColumn; column < endColumn; column++) {
      let columnAt = scratch + PANELS_OF_B + <usize> ((column - firstColumn) & 3) * size * 32;
      if (b.packed != 0) {
        columnAt = b.packed + <usize> matrix * b.packedStride + <usize> column * depth * 32 +
          <usize> from * 32;
      } else if (((column - firstColumn) & 3) == 0) {
        b.panelsOf8(columnAt, matrix, column * TILE_COLUMNS, (column + 4) * TILE_COLUMNS, from, size);
      }
      const count = endRow - firstRow;
      MicroKernel.column(rowAt, rowStep, count, columnAt, size, tile, from > 0, job.bySix != 0);
      for (let i = 0; last && i < count; i++) {
        const at = tile + <usize> i * TILE_BYTES;
        finishTile(job, out, (firstRow + i) * TILE_ROWS, column * TILE_COLUMNS, at);
      }
      tile += <usize> count * TILE_BYTES;
    }
    from += DEPTH_BLOCK;
  } while (from < depth);
}

/** The epilogue of one tile, and its way out. */
function finishTile(job: MultiplyJob, out: usize, row: i32, column: i32, tile: usize): void {
  const rows = min(TILE_ROWS, job.m - row), columns = min(TILE_COLUMNS, job.n - column);
  const plain = job.activation == 0 && columns == TILE_COLUMNS;
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
  const first = out + <usize> row * job.stride + (<usize> column << 2);
  let at = tile, to = first;
  for (let i = 0; i < rows; i++) {
    if (job.bias != 0 && job.biasOfRows) {
      bias0 = bias1 = v128.load32_splat(job.bias + (<usize> (row + i) << 2));
    }
    let x0 = Lanes.madd(v128.load(at, 0), alpha, bias0);
    let x1 = Lanes.madd(v128.load(at, 16), alpha, bias1);
    if (job.rowScale != 0) {
      const scale = v128.load32_splat(job.rowScale + (<usize> (row + i) << 2));
      x0 = f32x4.mul(x0, scale);
      x1 = f32x4.mul(x1, scale);
    }
    x0 = f32x4.mul(x0, scale0);
    x1 = f32x4.mul(x1, scale1);
    if (plain) writeOut(job, to, x0, x1);
    else {
      v128.store(at, x0, 0);
      v128.store(at, x1, 16);
    }
    at += 32;
    to += job.stride;
  }
  if (plain) return;
  Activations.inPlace(job.activation, tile, <usize> rows * 32);
  at = tile;
  to = first;
  for (let i = 0; i < rows; i++) {
    if (columns == TILE_COLUMNS) writeOut(job, to, v128.load(at, 0), v128.load(at, 16));
    else {
      for (let j = 0; j < columns; j++) {
        let value = load<f32>(at + (<usize> j << 2));
        if (job.accumulate) value += load<f32>(to + (<usize> j << 2));
        store<f32>(to + (<usize> j << 2), value);
      }
    }
    at += 32;
    to += job.stride;
  }
}

/** A whole row of a tile. */

function writeOut(job: MultiplyJob, to: usize, x0: v128, x1: v128): void {
  if (job.accumulate) {
    x0 = f32x4.add(x0, v128.load(to, 0));
    x1 = f32x4.add(x1, v128.load(to, 16));
  }
  v128.store(to, x0, 0);
  v128.store(to, x1, 16);
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

/**
 * The epilogue alone, on the product x that a BLAS library has made and that may be overwritten. A chunk is some rows; each
 * is gone over again while it is in the cache.
 */
export function epilogue(job: EpilogueJob, chunk: i32, scratch: usize): void {
  const first = chunk * job.chunkRows, end = min(first + job.chunkRows, job.rows);
  const columns = job.columns, bytes = <usize> columns << 2, whole = bytes & ~31;
  const changed = job.bias != 0 || job.rowScale != 0 || job.columnScale != 0;
  for (let row = first; row < end; row++) {
    const x = job.x + <usize> row * job.xStride, out = job.out + <usize> row * job.stride;
    if (changed) shiftAndScale(job, x, row);
    if (job.activation) {
      Activations.inPlace(job.activation, x, whole);
      memory.copy(scratch, x + whole, bytes - whole);
      Activations.inPlace(job.activation, scratch, 32);
      memory.copy(x + whole, scratch, bytes - whole);
    }
    if (job.accumulate) addRow(out, x, columns);
    else if (x != out) memory.copy(out, x, bytes);
  }
}

/** x = (x + bias) rowScale columnScale, of one row. */
function shiftAndScale(job: EpilogueJob, x: usize, row: i32): void {
  const columns = job.columns, whole = Lanes.wholeTurns(0, columns, 2);
  const ofRow = job.bias != 0 && job.biasOfRows != 0;
  const biasAt = ofRow ? 0 : job.bias, scaleAt = job.columnScale;
  let bias = ofRow ? v128.load32_splat(job.bias + (<usize> row << 2)) : f32x4.splat(0);
  const scale = job.rowScale != 0 ? v128.load32_splat(job.rowScale + (<usize> row << 2)) : f32x4.splat(1);
  let c = 0;
  for (; c < whole && biasAt != 0 && scaleAt == 0; c += 8) {
    const at = <usize> c << 2;
    const second = f32x4.add(v128.load(x + at, 16), v128.load(biasAt + at, 16));
    v128.store(x + at, f32x4.mul(f32x4.add(v128.load(x + at), v128.load(biasAt + at)), scale));
    v128.store(x + at, f32x4.mul(second, scale), 16);
  }
  for (; c < columns; c += 4) {
    const at = <usize> c << 2;
    if (biasAt != 0) bias = v128.load(biasAt + at);
    let value = f32x4.mul(f32x4.add(v128.load(x + at), bias), scale);
    if (scaleAt != 0) value = f32x4.mul(value, v128.load(scaleAt + at));
    Lanes.store(x + at, value, columns - c);
  }
}

function addRow(out: usize, x: usize, columns: i32): void {
  for (let c = 0; c < columns; c += 4) {
    const at = <usize> c << 2;
    Lanes.store(out + at, f32x4.add(v128.load(x + at), v128.load(out + at)), columns - c);
  }
}
