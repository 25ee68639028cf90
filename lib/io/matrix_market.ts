/** Matrix Market files (`matrix.mtx`, also gzip) of genes x cells or cells x genes, read a block of rows at a time. */
import { DataError } from "../cli/errors.ts";
import { type ExpressionBlock, type ExpressionMatrix, valuesPerBlock } from "../dataset/expression_block.ts";
import { lineGroups } from "./plain_chunks.ts";

export interface MatrixMarketHead {
  readonly rows: number;
  readonly columns: number;
  readonly stored: number;
}

/** @throws {DataError} when it is no sparse Matrix Market file of numbers */
export async function readMatrixMarketHead(path: string): Promise<MatrixMarketHead> {
  for await (const { head } of entriesOf(path)) return head;
  throw new DataError(`Cannot read "${path}": it ends within its head (a Matrix Market file is needed)`);
}

/**
 * The matrix with cells as rows.
 *
 * @param genesAreRows as cellranger writes them
 */
export function openMatrixMarket(
  path: string,
  head: MatrixMarketHead,
  genesAreRows: boolean,
): ExpressionMatrix {
  const [rows, columns] = genesAreRows ? [head.columns, head.rows] : [head.rows, head.columns];
  return {
    name: "the matrix",
    rows,
    columns,
    layout: "Matrix Market",
    stored: head.stored,
    blocks: () => blocksOf(path, { rows, columns, genesAreRows }),
  };
}

interface Orientation {
  readonly rows: number;
  readonly columns: number;
  readonly genesAreRows: boolean;
}

async function* blocksOf(
  path: string,
  { rows, columns, genesAreRows }: Orientation,
): AsyncGenerator<ExpressionBlock> {
  let cells = new Int32Array(valuesPerBlock), genes = new Int32Array(valuesPerBlock);
  let values = new Float64Array(valuesPerBlock);
  let filled = 0, first = 0, read = 0, stored = 0;
  let of: "rows" | "columns" | null = null;
  const emit = (isLast: boolean): ExpressionBlock | null => {
    of ??= isAscending(cells, filled) ? "rows" : "columns";
    const [major, minor] = of === "rows" ? [cells, genes] : [genes, cells];
    if (!isAscending(major, filled) || (filled > 0 && major[0] < first)) {
      throw new DataError(
        `Cannot read "${path}": its entries are sorted neither by cells nor by genes (scipy.io.mmwrite of a csr_matrix sorts them)`,
      );
    }
    const end = isLast ? (of === "rows" ? rows : columns) : major[filled - 1];
    if (end <= first) return null;
    let used = filled;
    while (!isLast && used > 0 && major[used - 1] === end) used--;
    const starts = new Float64Array(end - first + 1);
    for (let i = 0; i < used; i++) starts[major[i] - first + 1]++;
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    const block: ExpressionBlock = {
      of,
      first,
      count: end - first,
      starts,
      indices: minor.slice(0, used),
      values: values.slice(0, used),
    };
    for (const list of [cells, genes, values]) list.copyWithin(0, used, filled);
    filled -= used;
    first = end;
    return block;
  };
  for await (const entry of entriesOf(path)) {
    stored = entry.head.stored;
    for (let i = 0; i < entry.count; i++) {
      if (filled === values.length) {
        const block = emit(false);
        if (block) yield block;
        else [cells, genes, values] = [grown(cells), grown(genes), grownFloats(values)];
      }
      cells[filled] = (genesAreRows ? entry.columns : entry.rows)[i];
      genes[filled] = (genesAreRows ? entry.rows : entry.columns)[i];
      values[filled++] = entry.values[i];
    }
    read += entry.count;
  }
  if (read !== stored) {
    throw new DataError(
      `Cannot read "${path}": it has ${read} entries and says it has ${stored} (is it cut off?)`,
    );
  }
  const last = emit(true);
  if (last) yield last;
}

interface Entries {
  readonly head: MatrixMarketHead;
  readonly count: number;
  /** Counted from 0. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

async function* entriesOf(path: string): AsyncGenerator<Entries> {
  const decoder = new TextDecoder();
  let head: MatrixMarketHead | null = null, lineNumber = 0, isPattern = false;
  for await (const lines of lineGroups(path)) {
    const rows = new Int32Array(lines.length), columns = new Int32Array(lines.length);
    const values = new Float64Array(lines.length);
    let count = 0;
    for (const line of lines) {
      lineNumber++;
      const fail = (reason: string) => new DataError(`Cannot read "${path}": line ${lineNumber} ${reason}`);
      if (lineNumber === 1) {
        const text = decoder.decode(line.subarray(0, 200)).trim().toLowerCase();
        if (!/^%%matrixmarket\s+matrix\s+coordinate\s+(real|integer|pattern|double)\s+general/.test(text)) {
          throw fail(`is not "%%MatrixMarket matrix coordinate real general" or the like`);
        }
        isPattern = text.includes("pattern");
        continue;
      }
      if (line.length === 0 || line[0] === 37 || line[0] === 13) continue;
      const fields = fieldsOf(line);
      if (head === null) {
        if (fields.length !== 3 || !fields.every(Number.isSafeInteger)) {
          throw fail("is not rows, columns and entries");
        }
        head = { rows: fields[0], columns: fields[1], stored: fields[2] };
        continue;
      }
      const [row, column, value = isPattern ? 1 : NaN] = fields;
      if (!(row >= 1 && row <= head.rows && column >= 1 && column <= head.columns && !Number.isNaN(value))) {
        throw fail("is no entry of the matrix (row, column and value are needed)");
      }
      rows[count] = row - 1;
      columns[count] = column - 1;
      values[count++] = value;
    }
    if (head !== null) yield { head, count, rows, columns, values };
  }
}

/** Numbers between spaces or tabs: whole ones digit by digit, others by the language. */
function fieldsOf(line: Uint8Array): number[] {
  const fields: number[] = [];
  for (let at = 0; at < line.length;) {
    while (at < line.length && line[at] <= 32) at++;
    if (at === line.length) break;
    const start = at;
    let whole = 0, isWhole = true;
    for (; at < line.length && line[at] > 32; at++) {
      const digit = line[at] - 48;
      if (digit >= 0 && digit <= 9) whole = 10 * whole + digit;
      else isWhole = false;
    }
    fields.push(isWhole ? whole : Number(String.fromCharCode(...line.subarray(start, at))));
  }
  return fields;
}

function isAscending(list: Int32Array, count: number): boolean {
  for (let i = 1; i < count; i++) if (list[i] < list[i - 1]) return false;
  return true;
}

function grown(list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * list.length);
  larger.set(list);
  return larger;
}

function grownFloats(list: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * list.length);
  larger.set(list);
  return larger;
}
