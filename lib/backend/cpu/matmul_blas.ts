/** Matrix products by the system's BLAS: sgemm, then the epilogue as a kernel of our own where there is one. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { MatmulOptions, MatrixOperand } from "../backend.ts";
import { placeOf } from "../matrix_operand.ts";
import { activationCodes } from "./activation_codes.ts";
import type { Blas } from "./blas.ts";
import { type Engine, rowChunks } from "./engine.ts";

/** Multiplications of one matrix below which calling the library is not worth it. */
const smallestForBlas = 1 << 18;

export function worthBlas({ m, n, k }: MatmulOptions): boolean {
  return m * n * k >= smallestForBlas;
}

/** As `Backend.matmul`; `out` is not transposed. */
export function multiplyByBlas(
  engine: Engine,
  blas: Blas,
  out: MatrixOperand,
  a: MatrixOperand,
  b: MatrixOperand,
  options: MatmulOptions,
): void {
  const { batch = 1, m, n, k, alpha = 1, bias, rowScale, columnScale, activation = "none" } = options;
  const accumulate = options.accumulate ?? false;
  const bare = !bias && !rowScale && !columnScale && activation === "none";
  const left = placed(engine, a, m, k), right = placed(engine, b, k, n), result = placed(engine, out, m, n);
  // A product that is changed before it is added needs a place of its own.
  const apart = accumulate && !bare ? engine.heap.allocate("f32", m * n) : null;
  const target = apart ? { pointer: apart.pointer, stride: n, batchStride: 0 } : result;
  try {
    for (let i = 0; i < batch; i++) {
      const product = target.pointer + 4 * i * target.batchStride;
      blas.sgemm(
        ...[a.transposed ?? false, b.transposed ?? false] as const,
        ...[m, n, k, alpha] as const,
        ...[left.pointer + 4 * i * left.batchStride, left.stride] as const,
        ...[right.pointer + 4 * i * right.batchStride, right.stride] as const,
        accumulate && bare ? 1 : 0,
        ...[product, target.stride] as const,
      );
      if (bare) continue;
      const [chunkRows, chunks] = rowChunks(m, n);
      engine.run(Kernel.Epilogue, chunks, [
        ...[result.pointer + 4 * i * result.batchStride, product, m, n, 4 * result.stride, 4 * target.stride],
        ...[engine.pointer(bias), +(options.biasAxis === "row")],
        ...[engine.pointer(rowScale), engine.pointer(columnScale)],
        ...[activationCodes[activation], +accumulate, chunkRows],
      ]);
    }
  } finally {
    if (apart) engine.heap.release(apart);
  }
}

function placed(engine: Engine, operand: MatrixOperand, rows: number, columns: number) {
  const { offset, stride, batchStride } = placeOf(operand, rows, columns);
  return { pointer: engine.pointer(operand.storage) + 4 * offset, stride, batchStride };
}
