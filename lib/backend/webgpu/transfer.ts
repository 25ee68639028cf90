/** Numbers to the device and back, of any size and alignment, by splitting. */
import { DataError } from "../../cli/errors.ts";
import { usage } from "./buffer_pool.ts";
import { type GpuStorage, spans } from "./gpu_storage.ts";
import type { Runtime } from "./runtime.ts";
import { roundUp } from "./splitting.ts";

/** Bytes a piece: bounds the staging memory that the driver keeps for a transfer. */
const pieceBytes = 64 << 20;

/** Copy `data` into a storage from element `offset` on; for f16 both ends of the range must be at even elements. */
export function upload(
  runtime: Runtime,
  storage: GpuStorage,
  data: Float32Array | Int32Array,
  offset: number,
): void {
  let done = 0;
  for (const span of spans({ storage, start: offset, count: data.length })) {
    for (let at = 0; at < span.byteLength; at += pieceBytes) {
      const bytes = Math.min(pieceBytes, span.byteLength - at);
      const elements = bytes / storage.bytesPerElement;
      runtime.writeBuffer(
        span.buffer,
        span.byteOffset + at,
        encode(storage, data.subarray(done, done + elements)),
      );
      // An empty submission makes the driver give the staging memory of a full piece back early.
      if (bytes === pieceBytes) runtime.device.queue.submit([]);
      done += elements;
    }
  }
}

/** Bytes of `data` in the element type of the storage, padded to 4. */
function encode(storage: GpuStorage, data: Float32Array | Int32Array): Uint8Array<ArrayBuffer> {
  if (storage.dtype !== "f16") {
    return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  }
  const bytes = new ArrayBuffer(roundUp(2 * data.length, 4));
  new Float16Array(bytes, 0, data.length).set(data);
  return new Uint8Array(bytes);
}

/**
 * Copy elements back once all that is enqueued has run. Deno looks for the end of a read every 10 ms only, so a loop that
 * reads each step takes at least that long a step; reads that are awaited together share the wait.
 *
 * @throws {DataError} what went wrong on the device
 */
export async function readBack(
  runtime: Runtime,
  storage: GpuStorage,
  offset: number,
  count: number,
): Promise<Float32Array | Int32Array> {
  const result = storage.dtype === "i32" ? new Int32Array(count) : new Float32Array(count);
  const pieces: Promise<void>[] = [];
  let done = 0;
  for (const span of spans({ storage, start: offset, count })) {
    for (let at = 0; at < span.byteLength; at += pieceBytes) {
      const bytes = Math.min(pieceBytes, span.byteLength - at);
      const target = result.subarray(done, done + bytes / storage.bytesPerElement);
      pieces.push(readPiece(runtime, storage, span.buffer, span.byteOffset + at, bytes, target));
      done += target.length;
      if (pieces.length === 4) await Promise.all(pieces.splice(0));
    }
  }
  runtime.flush();
  await Promise.all(pieces);
  await runtime.settle();
  return result;
}

async function readPiece(
  runtime: Runtime,
  storage: GpuStorage,
  buffer: GPUBuffer,
  byteOffset: number,
  bytes: number,
  target: Float32Array | Int32Array,
): Promise<void> {
  const lead = byteOffset % 4;
  const size = roundUp(bytes + lead, 4);
  const staging = runtime.device.createBuffer({ size, usage: usage.readBack, label: "read-back" });
  runtime.copy(buffer, byteOffset - lead, staging, 0, size);
  runtime.flush();
  try {
    await staging.mapAsync(GPUMapMode.READ);
  } catch (error) {
    await nextTurn(); // the reason is told by events that may come a turn later
    runtime.check();
    throw new DataError(`Cannot read from the WebGPU device: ${(error as Error).message}. Use --device cpu`);
  }
  const mapped = staging.getMappedRange();
  if (storage.dtype === "i32") target.set(new Int32Array(mapped));
  else if (storage.dtype === "f32") target.set(new Float32Array(mapped));
  else target.set(new Float16Array(mapped, lead, target.length));
  staging.destroy();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
