/** Storages: made, filled, copied and read; submission and waiting. */
import { DataError } from "../../cli/errors.ts";
import type { Storage } from "../backend.ts";
import { copy2d, fill } from "./elementwise.ts";
import { own } from "./gpu_storage.ts";
import type { Operation, Operations } from "./operation.ts";
import { readBack, upload } from "./transfer.ts";

const allocate: Operation<"allocate"> = (runtime, dtype, length) => {
  if (dtype === "f16" && !runtime.supportsF16) {
    throw new DataError(
      `The WebGPU device "${runtime.adapterName}" has no half precision. Leave out --mixed-precision`,
    );
  }
  return runtime.allocate(dtype, length);
};

const write: Operation<"write"> = (runtime, storage, data, offset = 0) => {
  const target = checkRange("write", storage, offset, data.length);
  target.mirror?.set(data, offset);
  const shared = target.dtype === "f16" &&
    (offset % 2 === 1 || data.length % 2 === 1 && offset + data.length < target.length);
  if (!shared) {
    upload(runtime, target, data, offset);
    return;
  }
  // A half of a 4-byte word belongs to a neighbour: through a copy, which stores single elements.
  runtime.scratch("f32", data.length, (staging) => {
    upload(runtime, staging, data, 0);
    copy2d(runtime, { storage: target, offset }, { storage: staging }, { rows: 1, columns: data.length });
  });
};

const read: Operation<"read"> = (runtime, storage, offset = 0, length = storage.length - offset) =>
  readBack(runtime, checkRange("read", storage, offset, length), offset, length);

const flush: Operation<"flush"> = (runtime) => {
  runtime.check();
  runtime.flush();
};

function checkRange(operation: string, storage: Storage, offset: number, count: number) {
  const target = own(storage);
  if (target.released) throw new RangeError(`${operation}: this storage was released before`);
  if (offset < 0 || count < 0 || offset + count > storage.length) {
    throw new RangeError(`${operation}: elements ${offset} to ${offset + count} of ${storage.length}`);
  }
  return target;
}

export const memoryOperations: Operations<
  "allocate" | "release" | "write" | "read" | "fill" | "copy2d" | "flush" | "finish" | "close" | "profile"
> = {
  allocate,
  release: (runtime, storage) => runtime.release(own(storage)),
  write,
  read,
  fill,
  copy2d,
  flush,
  async finish(runtime) {
    flush(runtime);
    await runtime.finish();
  },
  close: (runtime) => Promise.resolve(runtime.close()),
  async profile(runtime) {
    flush(runtime);
    return await runtime.profiler?.totals() ?? new Map();
  },
};
