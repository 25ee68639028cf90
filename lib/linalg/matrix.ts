/** A dense matrix, row-major: element (i, j) is `data[i * columns + j]`. */
export interface Matrix<T = Float32Array> {
  /** rows x columns numbers, row after row. */
  data: T;
  /** Number of rows. */
  rows: number;
  /** Number of columns. */
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

/** The transpose, in the same precision. */
export function transposed<M extends Embedded>(matrix: M): M {
  const { data: from, rows, columns } = matrix, side = 32; // squares of it lie in the cache
  const data = from instanceof Float32Array ? new Float32Array(from.length) : new Float64Array(from.length);
  for (let i0 = 0; i0 < rows; i0 += side) {
    for (let j0 = 0; j0 < columns; j0 += side) {
      const iEnd = Math.min(i0 + side, rows), jEnd = Math.min(j0 + side, columns);
      for (let i = i0; i < iEnd; i++) {
        for (let j = j0; j < jEnd; j++) data[j * rows + i] = from[i * columns + j];
      }
    }
  }
  return { data, rows: columns, columns: rows } as M;
}

/** A matrix of zeros. */
export function zeros(rows: number, columns: number): Matrix {
  return { data: new Float32Array(rows * columns), rows, columns };
}

/** Mean of each row, added up in float64. */
export function rowMeans(matrix: Matrix): Float64Array {
  return Float64Array.from(
    { length: matrix.rows },
    (_, i) => row(matrix, i).reduce((sum, value) => sum + value, 0) / matrix.columns,
  );
}

/** Squared Euclidean distance of each row of `matrix` to the one row of `point`, in float64. */
export function squaredDistances(matrix: Embedded, point: Embedded): Float64Array {
  const { data, rows, columns } = matrix;
  const distances = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) distances[i] += (data[i * columns + j] - point.data[j]) ** 2;
  }
  return distances;
}
