/** The part of the WebGPU engine that holds memory: storages, transfers, submission, profile. */
import { DataError } from "../../cli/errors.ts";
import type { DType, MemoryAccount, Storage } from "../backend.ts";
import * as elementwise from "./elementwise.ts";
import type { GpuStorage } from "./gpu_storage.ts";
import type { Runtime } from "./runtime.ts";
import { readBack, upload } from "./transfer.ts";

export class MemoryEngine {
  /** @param adapterName for messages */
  constructor(readonly runtime: Runtime, private readonly adapterName: string) {}

  get device(): GPUDevice {
    return this.runtime.device;
  }

  get supportsF16(): boolean {
    return this.device.features.has("shader-f16");
  }

  get memory(): MemoryAccount {
    return this.runtime.pool;
  }

  allocate(dtype: DType, length: number): Storage {
    if (dtype === "f16" && !this.supportsF16) {
      throw new DataError(
        `The WebGPU device "${this.adapterName}" has no half precision. Leave out --mixed-precision`,
      );
    }
    return this.runtime.allocate(dtype, length);
  }

  release(storage: Storage): void {
    this.runtime.release(storage as GpuStorage);
  }

  write(storage: Storage, data: Float32Array | Int32Array, offset = 0): void {
    const target = storage as GpuStorage;
    checkRange("write", target, offset, data.length);
    target.mirror?.set(data, offset);
    const shared = target.dtype === "f16" &&
      (offset % 2 === 1 || data.length % 2 === 1 && offset + data.length < target.length);
    if (!shared) {
      upload(this.runtime, target, data, offset);
      return;
    }
    // A half of a 4-byte word belongs to a neighbour: through a copy, which stores single elements.
    this.runtime.scratch("f32", data.length, (staging) => {
      upload(this.runtime, staging, data, 0);
      elementwise.copy2d(this.runtime, target, offset, data.length, staging, 0, data.length, 1, data.length);
    });
  }

  read(storage: Storage, offset = 0, length = storage.length - offset): Promise<Float32Array | Int32Array> {
    checkRange("read", storage as GpuStorage, offset, length);
    return readBack(this.runtime, storage as GpuStorage, offset, length);
  }

  fill(out: Storage, value: number): void {
    elementwise.fill(this.runtime, out as GpuStorage, value);
  }

  copy2d(
    out: Storage,
    outOffset: number,
    outStride: number,
    x: Storage,
    xOffset: number,
    xStride: number,
    rows: number,
    columns: number,
  ): void {
    const [to, from] = [out as GpuStorage, x as GpuStorage];
    elementwise.copy2d(this.runtime, to, outOffset, outStride, from, xOffset, xStride, rows, columns);
  }

  flush(): void {
    this.runtime.check();
    this.runtime.flush();
  }

  async finish(): Promise<void> {
    this.flush();
    await this.runtime.finish();
  }

  close(): Promise<void> {
    this.runtime.close();
    return Promise.resolve();
  }

  async profile(): Promise<Map<string, { calls: number; ms: number }>> {
    this.flush();
    return await this.runtime.profiler?.totals() ?? new Map();
  }
}

function checkRange(operation: string, storage: GpuStorage, offset: number, count: number): void {
  if (storage.released) throw new RangeError(`${operation}: this storage was released before`);
  if (offset < 0 || count < 0 || offset + count > storage.length) {
    throw new RangeError(`${operation}: elements ${offset} to ${offset + count} of ${storage.length}`);
  }
}
