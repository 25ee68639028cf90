/**
 * A storage on the device: one buffer where it fits, several where it is larger than the device allows a buffer to be.
 */
import type { DType, Storage } from "../backend.ts";

export class GpuStorage implements Storage {
  released = false;
  /**
   * What the host wrote into an i32 storage. Indices only ever come from the host, so that row lists can be sorted
   * there without waiting for the device.
   */
  readonly mirror: Int32Array | null;

  /**
   * @param buffers all but the last hold exactly `segmentElements`
   * @param segmentElements elements a buffer
   */
  constructor(
    readonly dtype: DType,
    readonly length: number,
    readonly buffers: GPUBuffer[],
    readonly segmentElements: number,
  ) {
    this.mirror = dtype === "i32" ? new Int32Array(length) : null;
  }

  get bytesPerElement(): number {
    return bytesPerElement(this.dtype);
  }
}

export function bytesPerElement(dtype: DType): number {
  return dtype === "f16" ? 2 : 4;
}

/** Elements `start` to `start + count` of a storage, as the operand of a kernel. */
export interface Window {
  readonly storage: GpuStorage;
  readonly start: number;
  readonly count: number;
}

/** The part of a window that lies in one buffer, in bytes. */
export interface Span {
  readonly buffer: GPUBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The pieces of a window, one a buffer, in order. */
export function spans({ storage, start, count }: Window): Span[] {
  const bytes = storage.bytesPerElement;
  const found: Span[] = [];
  for (let element = start; element < start + count;) {
    const segment = Math.floor(element / storage.segmentElements);
    const end = Math.min(start + count, (segment + 1) * storage.segmentElements);
    found.push({
      buffer: storage.buffers[segment],
      byteOffset: (element - segment * storage.segmentElements) * bytes,
      byteLength: (end - element) * bytes,
    });
    element = end;
  }
  return found;
}

/** Elements `start` to `start + count` of a storage. @throws {RangeError} for a storage of another engine */
export function part(storage: Storage, start: number, count: number): Window {
  return { storage: own(storage), start, count };
}

/** A whole storage as a window. @throws {RangeError} for a storage of another engine */
export function whole(storage: Storage): Window {
  return part(storage, 0, storage.length);
}

/** The storage as this engine made it. @throws {RangeError} for a storage of another engine */
export function own(storage: Storage): GpuStorage {
  if (storage instanceof GpuStorage) return storage;
  throw new RangeError(`A storage of ${storage.length} ${storage.dtype} is not of the WebGPU engine`);
}
