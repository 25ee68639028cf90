/** A dense matrix, row-major: element (i, j) is `data[i * columns + j]`. */
export interface Matrix<T = Float32Array> {
  data: T;
  rows: number;
  columns: number;
}
