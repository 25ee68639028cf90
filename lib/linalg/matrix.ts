/** A dense matrix, row-major: element (i, j) is `data[i * columns + j]`. */
export interface Matrix<T = Float32Array> {
  data: T;
  rows: number;
  columns: number;
}

/** A matrix in either precision, as embeddings come. */
export type Embedded = Matrix<Float32Array> | Matrix<Float64Array>;

/** The rows of `matrix` at `rows`, in that order, copied. */
export function takeRows<M extends Embedded>(matrix: M, rows: ArrayLike<number>): M {
  const { columns } = matrix;
  const data = matrix.data instanceof Float32Array
    ? new Float32Array(rows.length * columns)
    : new Float64Array(rows.length * columns);
  for (let i = 0; i < rows.length; i++) {
    data.set(matrix.data.subarray(rows[i] * columns, (rows[i] + 1) * columns), i * columns);
  }
  return { data, rows: rows.length, columns } as M;
}

/** The columns of `matrix` at `columns`, in that order, copied. */
export function takeColumns(matrix: Matrix, columns: ArrayLike<number>): Matrix {
  const data = new Float32Array(matrix.rows * columns.length);
  for (let i = 0, next = 0; i < matrix.rows; i++) {
    const start = i * matrix.columns;
    for (let j = 0; j < columns.length; j++) data[next++] = matrix.data[start + columns[j]];
  }
  return { data, rows: matrix.rows, columns: columns.length };
}

/** Row i, a view into the matrix. */
export function row(matrix: Matrix, i: number): Float32Array {
  return matrix.data.subarray(i * matrix.columns, (i + 1) * matrix.columns);
}
