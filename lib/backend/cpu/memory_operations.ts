/** Storages: made, filled, copied, turned and read. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import type { Backend, Storage } from "../backend.ts";
import { hearSignals } from "../../cli/interrupt.ts";
import { type Engine, flatChunks, rowChunks } from "./engine.ts";
import type { CpuStorage } from "./heap.ts";
import { float } from "./thread_pool.ts";

type MemoryOperations = Pick<
  Backend,
  "allocate" | "release" | "write" | "read" | "fill" | "copy2d" | "transpose"
>;

export function memoryOperations(engine: Engine): MemoryOperations {
  const { heap } = engine;
  return {
    allocate(dtype, length) {
      if (!(Number.isInteger(length) && length >= 0)) {
        throw new RangeError(`allocate: ${length} is not a number of elements`);
      }
      if (dtype === "f16") throw new RangeError("allocate: the CPU engine has no f16 (see supportsF16)");
      return heap.allocate(dtype, length);
    },

    release(storage) {
      heap.release(storage as CpuStorage);
    },

    write(storage, data, offset = 0) {
      engine.check("write: the storage", storage, offset + data.length, storage.dtype);
      const fits = data instanceof Int32Array === (storage.dtype === "i32");
      if (!fits) throw new RangeError(`write: ${data.constructor.name} into a storage of ${storage.dtype}`);
      heap.view(storage as CpuStorage).set(data, offset);
    },

    async read(storage, offset = 0, length = storage.length - offset) {
      engine.check("read: the storage", storage, offset + length, storage.dtype);
      const part = heap.view(storage as CpuStorage).subarray(offset, offset + length);
      const numbers = part instanceof Int32Array ? new Int32Array(part) : new Float32Array(part);
      await hearSignals();
      return numbers;
    },

    fill(out, value) {
      engine.check("fill: out", out, 0, out.dtype);
      const bits = out.dtype === "i32" ? value : float(value);
      engine.run(Kernel.Fill, flatChunks(out.length), [engine.pointer(out), out.length, bits]);
    },

    copy2d(to, from, { rows, columns }) {
      const { storage: out, offset: outOffset = 0, stride: outStride = columns } = to;
      const { storage: x, offset: xOffset = 0, stride: xStride = columns } = from;
      if (rows === 0 || columns === 0) return;
      const what = `copy2d of ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, outOffset + (rows - 1) * outStride + columns, out.dtype);
      engine.check(`${what}: x`, x, xOffset + (rows - 1) * xStride + columns, out.dtype);
      const [chunkRows, chunks] = rowChunks(rows, columns);
      engine.run(Kernel.Copy2d, chunks, [
        ...[engine.pointer(out) + 4 * outOffset, engine.pointer(x) + 4 * xOffset],
        ...[4 * outStride, 4 * xStride, rows, columns, chunkRows],
      ]);
    },

    transpose(out: Storage, x: Storage, batch: number, rows: number, columns: number) {
      const what = `transpose of ${batch} x ${rows} x ${columns}`;
      engine.check(`${what}: out`, out, batch * rows * columns, out.dtype);
      engine.check(`${what}: x`, x, batch * rows * columns, out.dtype);
      const down = Math.ceil(rows / 64), across = Math.ceil(columns / 64);
      engine.run(Kernel.Transpose, batch * down * across, [
        ...[engine.pointer(out), engine.pointer(x), rows, columns, down, across],
      ]);
    },
  };
}
