/** Matrices of an h5ad file (`X`, `layers/...`, `raw/X`): dense, CSR or CSC, a block of rows or columns at a time. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import {
  denseBlock,
  type ExpressionBlock,
  type ExpressionMatrix,
  valuesPerBlock,
} from "../preparation/expression_block.ts";
import type { Hdf5File } from "./hdf5_file.ts";

/**
 * @param path "X", "layers/counts", "raw/X"
 * @throws {DataError} when it is not there, no matrix, or inconsistent
 */
export function openH5adMatrix(file: Hdf5File, path: string): ExpressionMatrix {
  const kind = file.kind(path);
  if (kind === "dataset") return openDense(file, path);
  if (kind === "group") return openSparse(file, path);
  throw new DataError(`Cannot read "${file.path}": it has no matrix "${shortId(path)}"`);
}

function openDense(file: Hdf5File, path: string): ExpressionMatrix {
  const { shape, chunks, kind } = file.facts(path);
  if (shape.length !== 2 || (kind !== "float" && kind !== "integer" && kind !== "boolean")) {
    throw new DataError(
      `Cannot read "${file.path}": "${
        shortId(path)
      }" is no matrix of numbers (${kind}, ${shape.length} axes)`,
    );
  }
  const [rows, columns] = shape;
  // Whole chunks: a chunk is unpacked each time that a part of it is read.
  const chunkRows = Math.min(Math.max(1, chunks?.[0] ?? 1), rows);
  const step = Math.max(1, Math.floor(valuesPerBlock / Math.max(1, columns) / chunkRows)) * chunkRows;
  return {
    name: path,
    rows,
    columns,
    layout: "dense",
    stored: rows * columns,
    *blocks(): Generator<ExpressionBlock> {
      for (let first = 0; first < rows; first += step) {
        const end = Math.min(rows, first + step);
        yield denseBlock(first, end - first, columns, new Float64Array(file.numbers(path, first, end)));
      }
    },
  };
}

function openSparse(file: Hdf5File, path: string): ExpressionMatrix {
  const fail = (reason: string) => new DataError(`Cannot read "${file.path}": "${shortId(path)}" ${reason}`);
  const format = formatOf(file, path);
  if (format !== "csr" && format !== "csc") throw fail("is neither dense nor CSR nor CSC");
  const shape = file.attribute(path, "shape") ?? file.attribute(path, "h5sparse_shape");
  const [rows, columns] = Array.from((shape ?? []) as ArrayLike<number | bigint>, Number);
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) throw fail("does not say its shape");
  for (const part of ["data", "indices", "indptr"]) {
    if (file.kind(`${path}/${part}`) !== "dataset") throw fail(`has no "${part}"`);
  }
  const stored = file.facts(`${path}/data`).shape[0];
  const byRows = format === "csr", [major, minor] = byRows ? [rows, columns] : [columns, rows];
  const pointers = new Float64Array(file.numbers(`${path}/indptr`));
  const isRight = pointers.length === major + 1 && pointers[0] === 0 && pointers[major] === stored &&
    pointers.every((at, i) => i === 0 || at >= pointers[i - 1]) &&
    file.facts(`${path}/indices`).shape[0] === stored;
  if (!isRight) {
    throw fail(`is inconsistent: its indptr does not fit its ${major} ${byRows ? "rows" : "columns"}`);
  }
  return {
    name: path,
    rows,
    columns,
    layout: format.toUpperCase(),
    stored,
    *blocks(): Generator<ExpressionBlock> {
      for (let first = 0; first < major;) {
        let end = first + 1;
        while (end < major && pointers[end + 1] - pointers[first] <= valuesPerBlock) end++;
        const [from, to] = [pointers[first], pointers[end]];
        const indices = new Int32Array(file.numbers(`${path}/indices`, from, to));
        if (!areWithin(indices, minor)) throw fail("has an index beyond its shape");
        yield {
          of: byRows ? "rows" : "columns",
          first,
          count: end - first,
          starts: pointers.subarray(first, end + 1).map((at) => at - from),
          indices,
          values: new Float64Array(file.numbers(`${path}/data`, from, to)),
        };
        first = end;
      }
    },
  };
}

function areWithin(indices: Int32Array, count: number): boolean {
  for (let i = 0; i < indices.length; i++) if (indices[i] < 0 || indices[i] >= count) return false;
  return true;
}

/** "csr" or "csc" by the attributes of AnnData since 0.7, or of h5sparse before. */
function formatOf(file: Hdf5File, path: string): string {
  const encoding = file.attribute(path, "encoding-type");
  const older = file.attribute(path, "h5sparse_format");
  return String(encoding ?? older ?? "").replace("_matrix", "");
}
