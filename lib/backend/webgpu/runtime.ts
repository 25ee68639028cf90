/**
 * Runs kernels in call order: binds windows of storages, writes parameters, gathers dispatches into few submissions
 * and turns whatever goes wrong on the device into one DataError.
 */
import { DataError } from "../../cli/errors.ts";
import type { DType } from "../backend.ts";
import type { SizeLimits } from "./adapter.ts";
import { BufferPool, usage } from "./buffer_pool.ts";
import { bytesPerElement, GpuStorage, spans, type Window } from "./gpu_storage.ts";
import { type Kernel, uniformLayout } from "./kernel.ts";
import { Profiler } from "./profiler.ts";

/** Bytes of parameters a dispatch, and how many dispatches make a submission at most. */
const slotBytes = 256;
const slots = 512;
/** Storage bindings begin at multiples of this. */
const windowAlignment = 256;
/** What every device binds as a uniform buffer. */
export const uniformBytes = 65536;

/** One call of a kernel. */
export interface Dispatch {
  readonly entry: string;
  /** Storages by binding name; null where the operand is absent. */
  readonly operands: Record<string, Window | null>;
  /** Fields of `struct Params`, less the `<binding>_offset` that the runtime fills in. */
  readonly params: Record<string, number>;
  readonly workgroups: readonly [number, number, number];
  readonly constants?: Record<string, number>;
  readonly sizes?: Record<string, number>;
}

export class Runtime {
  readonly pool: BufferPool;
  readonly profiler: Profiler | null;
  /** Elements that a window may have, so that it fits a binding wherever it starts. */
  readonly maxWindowBytes: number;
  failure: DataError | null = null;
  readonly #limits: SizeLimits;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #closed = false;
  #lost = false;
  readonly #touched = new Set<GPUBuffer>();
  #operations: string[] = [];
  readonly #uniforms: GPUBuffer;
  readonly #uniformGroup: GPUBindGroup;
  readonly #uniformBytes = new ArrayBuffer(slotBytes * slots);
  readonly #uniformView = new DataView(this.#uniformBytes);
  #usedSlots = 0;
  /** Bound where an operand is absent: one buffer to read, one to write, a window of it a binding. */
  readonly #placeholders: { read: GPUBuffer; write: GPUBuffer };
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #bufferIds = new WeakMap<GPUBuffer, number>();
  #nextBufferId = 0;
  /** Checks of submissions that have not answered yet. */
  readonly #pendingChecks = new Set<Promise<void>>();

  constructor(
    readonly device: GPUDevice,
    options: { profile: boolean; memoryLimit: number; limits: SizeLimits },
  ) {
    this.#limits = options.limits;
    this.pool = new BufferPool(device, options.memoryLimit, (error) => this.fail(error));
    this.maxWindowBytes = options.limits.bindingBytes - windowAlignment;
    this.#uniforms = device.createBuffer({
      size: slotBytes * slots,
      usage: usage.uniform,
      label: "parameters",
    });
    this.#uniformGroup = device.createBindGroup({
      layout: uniformLayout(device),
      entries: [{ binding: 0, resource: { buffer: this.#uniforms, size: slotBytes } }],
    });
    const placeholder = { size: 16 * windowAlignment, usage: usage.storage, label: "absent operand" };
    this.#placeholders = { read: device.createBuffer(placeholder), write: device.createBuffer(placeholder) };
    this.profiler = options.profile ? new Profiler(device) : null;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.fail(
        new DataError(`The WebGPU device refused a command: ${firstLine(error.message)}. Use --device cpu`),
      );
    });
    device.lost.then((info) => {
      if (this.#closed) return;
      // The loss explains every other error, so it takes the place of one that came first.
      this.#lost = true;
      this.failure = new DataError(
        `Lost the WebGPU device while working (${
          firstLine(info.message) || info.reason || "no reason given"
        }): ` +
          "the driver reset it, or it ran out of memory. Start again with a smaller --batch-size, or with --device cpu",
      );
    });
  }

  /** Remember the first thing that went wrong, for the next call to throw. */
  fail(error: DataError): void {
    this.failure ??= error;
  }

  /** @throws {DataError} what went wrong since the last check; the loss of the device again and again */
  check(): void {
    const { failure } = this;
    if (failure) {
      if (!this.#lost) this.failure = null;
      throw failure;
    }
    if (this.#closed) throw new DataError("Cannot use the WebGPU device: it was closed");
  }

  allocate(dtype: DType, length: number): GpuStorage {
    this.check();
    const bytes = bytesPerElement(dtype);
    const segmentElements = Math.floor(this.#limits.bufferBytes / windowAlignment) * windowAlignment /
      bytes;
    const buffers: GPUBuffer[] = [];
    try {
      for (let start = 0; start === 0 || start < length; start += segmentElements) {
        const elements = Math.min(segmentElements, length - start);
        buffers.push(this.#acquire(elements * bytes, `a tensor of ${length} ${dtype} elements`));
      }
    } catch (error) {
      buffers.forEach((buffer) => this.pool.release(buffer));
      throw error;
    }
    return new GpuStorage(dtype, length, buffers, segmentElements);
  }

  /** Before the pool outgrows what was ever in use, idle buffers of other sizes make room. */
  #acquire(bytes: number, what: string): GPUBuffer {
    if (this.pool.wouldGrow(bytes)) {
      this.flush();
      this.pool.trim(Math.max(0, this.pool.peak - this.pool.current - bytes));
    }
    return this.pool.acquire(bytes, what);
  }

  release(storage: GpuStorage): void {
    if (storage.released) throw new RangeError("release: this storage was released before");
    storage.released = true;
    for (const buffer of storage.buffers) this.pool.release(buffer);
  }

  /** Run `body` with storage that is given back afterwards. */
  scratch<T>(dtype: DType, length: number, body: (storage: GpuStorage) => T): T {
    const storage = this.allocate(dtype, length);
    try {
      return body(storage);
    } finally {
      this.release(storage);
    }
  }

  /** Most rows such that rows x `elementsPerRow` of every operand fit one binding; at least 1, or an error. */
  rowsPerWindow(operation: string, operands: readonly (readonly [GpuStorage | null, number])[]): number {
    let rows = Infinity;
    for (const [storage, elementsPerRow] of operands) {
      if (!storage || elementsPerRow === 0) continue;
      rows = Math.min(rows, Math.floor(this.maxWindowBytes / (elementsPerRow * storage.bytesPerElement)));
    }
    if (rows < 1) {
      throw new DataError(
        `Cannot run ${operation}: one row is larger than the ${this.maxWindowBytes} bytes this WebGPU device binds. Use --device cpu`,
      );
    }
    return rows;
  }

  /** Enqueue one call of a kernel. @param what operation and shapes, for errors: "matmul 3 x 4 x 5" */
  dispatch(kernel: Kernel, what: string, call: Dispatch): void {
    this.check();
    const [x, y, z] = call.workgroups;
    if (x === 0 || y === 0 || z === 0) return;
    if (this.#usedSlots === slots) this.flush();
    const bound = this.#bind(kernel, what, call);
    const { pipeline, layout } = kernel.pipeline(
      this.device,
      call.entry,
      bound.types,
      call.sizes ?? {},
      { ...call.constants, ...bound.constants },
      (message) =>
        this.fail(new DataError(`Cannot run ${what}: its kernel was refused: ${firstLine(message)}`)),
    );
    const offset = this.#writeParams(kernel, what, { ...call.params, ...bound.params });
    const pass = this.#beginPass(kernel.family);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#bindGroup(layout, kernel, bound.entries));
    pass.setBindGroup(1, this.#uniformGroup, [offset]);
    pass.dispatchWorkgroups(x, y, z);
    this.#operations.push(what);
    if (this.profiler) this.#endPass();
    bound.after.forEach((step) => step());
    if (this.profiler?.wantsSubmission) this.flush();
  }

  /** Copy bytes between buffers, between two dispatches. */
  copy(from: GPUBuffer, fromByte: number, to: GPUBuffer, toByte: number, bytes: number): void {
    this.check();
    this.#endPass();
    this.#commandEncoder().copyBufferToBuffer(from, fromByte, to, toByte, bytes);
    this.#touched.add(from).add(to);
  }

  /** Write into a buffer after all that is enqueued and before all that will be. */
  writeBuffer(buffer: GPUBuffer, byteOffset: number, data: Uint8Array<ArrayBuffer>): void {
    this.check();
    if (this.#touched.has(buffer)) this.flush();
    this.device.queue.writeBuffer(buffer, byteOffset, data);
  }

  /** Submit what is enqueued. */
  flush(): void {
    if (!this.#encoder) {
      this.pool.trim();
      return;
    }
    this.#endPass();
    const operations = this.#operations;
    const encoder = this.#encoder;
    this.profiler?.resolve(encoder);
    this.device.queue.writeBuffer(this.#uniforms, 0, this.#uniformBytes, 0, this.#usedSlots * slotBytes);
    this.device.queue.submit([encoder.finish()]);
    this.#await(
      this.device.popErrorScope(),
      operations,
      (message) => `was refused: ${message}. Use --device cpu`,
    );
    this.#await(
      this.device.popErrorScope(),
      operations,
      () => "ran out of device memory. Use a smaller --batch-size, or --device cpu",
    );
    this.#encoder = null;
    this.#usedSlots = 0;
    this.#operations = [];
    this.#touched.clear();
    this.profiler?.submitted();
    this.#dropBindGroups();
    this.pool.trim();
  }

  /** Wait until everything submitted has run. @throws {DataError} what went wrong since the last wait */
  async finish(): Promise<void> {
    try {
      await this.device.queue.onSubmittedWorkDone();
    } finally {
      await this.settle();
    }
  }

  /** Wait until every submission has answered. @throws {DataError} what went wrong since the last wait */
  async settle(): Promise<void> {
    await Promise.all(this.#pendingChecks);
    this.check();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.device.destroy();
  }

  // Encoding --------------------------------------------------------------------------------------------------

  #commandEncoder(): GPUCommandEncoder {
    if (!this.#encoder) {
      this.device.pushErrorScope("out-of-memory");
      this.device.pushErrorScope("validation");
      this.#encoder = this.device.createCommandEncoder();
    }
    return this.#encoder;
  }

  #beginPass(family: string): GPUComputePassEncoder {
    return this.#pass ??= this.#commandEncoder().beginComputePass(this.profiler?.begin(family));
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  #writeParams(kernel: Kernel, what: string, values: Record<string, number>): number {
    const start = this.#usedSlots++ * slotBytes;
    kernel.fields.forEach(({ name, type }, index) => {
      const value = values[name];
      if (value === undefined) {
        throw new RangeError(`${what}: parameter "${name}" of kernel "${kernel.family}" is missing`);
      }
      const at = start + 4 * index;
      if (type === "f32") this.#uniformView.setFloat32(at, value, true);
      else if (type === "u32") this.#uniformView.setUint32(at, value, true);
      else this.#uniformView.setInt32(at, value, true);
    });
    return start;
  }

  /** Resolve windows to buffer ranges: aligned, in one buffer, and no memory bound both read-only and writable. */
  #bind(kernel: Kernel, what: string, { operands }: Dispatch) {
    const bound: Bound = { entries: [], types: new Map(), constants: {}, params: {}, after: [] };
    const written = kernel.bindings.flatMap(({ name, writable }) =>
      writable && operands[name] ? [operands[name]] : []
    );
    for (const { name, index, writable, uniform } of kernel.bindings) {
      const window = operands[name];
      const absent = window === undefined || window === null;
      if (kernel.overrides.has(`HAS_${name}`)) bound.constants[`HAS_${name}`] = absent ? 0 : 1;
      bound.types.set(name, absent ? "f32" : window.storage.dtype);
      bound.params[`${name}_offset`] = 0;
      if (absent || window.count === 0) {
        if (!absent && window.storage.released) {
          throw new RangeError(`${what}: "${name}" was released before`);
        }
        bound.entries.push(this.#absent(index, writable));
        continue;
      }
      const { storage, start, count } = window;
      if (storage.released) throw new RangeError(`${what}: the storage of "${name}" was released before`);
      if (start < 0 || start + count > storage.length) {
        throw new RangeError(
          `${what}: "${name}" needs elements ${start} to ${start + count} of ${storage.length}`,
        );
      }
      const aliased = writable ? undefined : written.find((other) => other.storage === storage);
      if (aliased && aliased.start === start && kernel.overrides.has(`${name}_IN_out`)) {
        bound.constants[`${name}_IN_out`] = 1;
        bound.entries.push(this.#absent(index, writable));
        continue;
      }
      const [span, ...more] = spans(window);
      const shift = span.byteOffset % windowAlignment;
      const shiftable = shift === 0 || kernel.fields.some((field) => field.name === `${name}_offset`);
      if (more.length > 0 || !shiftable || aliased) {
        const lead = start * storage.bytesPerElement % 4 / 2; // an odd f16 element shares its word with the one before
        if (lead > 0 && !shiftable) throw new RangeError(`${what}: "${name}" starts at an odd element`);
        const buffer = this.#stage(
          { storage, start: start - lead, count: count + lead },
          writable,
          bound.after,
        );
        bound.params[`${name}_offset`] = lead;
        const size = roundUp((count + lead) * storage.bytesPerElement, 4);
        bound.entries.push({ binding: index, buffer, offset: 0, size });
        continue;
      }
      const offset = span.byteOffset - shift;
      const size = roundUp(span.byteLength + shift, 4);
      if (size > (uniform ? uniformBytes : this.#limits.bindingBytes)) {
        throw new RangeError(
          `${what}: a window of ${size} bytes of "${name}" is larger than this device binds`,
        );
      }
      bound.params[`${name}_offset`] = shift / storage.bytesPerElement;
      bound.entries.push({ binding: index, buffer: span.buffer, offset, size });
    }
    for (const { buffer } of bound.entries) this.#touched.add(buffer);
    return bound;
  }

  #absent(binding: number, writable: boolean): Bound["entries"][number] {
    const buffer = writable ? this.#placeholders.write : this.#placeholders.read;
    return { binding, buffer, offset: binding * windowAlignment, size: windowAlignment };
  }

  /** Gather a window into a buffer of its own, and scatter it back after the dispatch where it is written. */
  #stage(window: Window, writable: boolean, after: (() => void)[]): GPUBuffer {
    const bytes = window.count * window.storage.bytesPerElement;
    const buffer = this.pool.acquire(roundUp(bytes, 4) + 4, "a part of a tensor");
    let at = 0;
    for (const span of spans(window)) {
      const start = at;
      const length = roundUp(span.byteLength, 4);
      this.copy(span.buffer, span.byteOffset, buffer, start, length);
      if (writable) after.push(() => this.copy(buffer, start, span.buffer, span.byteOffset, length));
      at += span.byteLength;
    }
    after.push(() => this.pool.release(buffer));
    return buffer;
  }

  #bindGroup(layout: GPUBindGroupLayout, kernel: Kernel, entries: Bound["entries"]): GPUBindGroup {
    let key = kernel.family;
    for (const { binding, buffer, offset, size } of entries) {
      key += `,${binding}:${this.#id(buffer)}+${offset}:${size}`;
    }
    let group = this.#bindGroups.get(key);
    if (!group) {
      group = this.device.createBindGroup({
        layout,
        entries: entries.map(({ binding, buffer, offset, size }) => ({
          binding,
          resource: { buffer, offset, size },
        })),
      });
      this.#bindGroups.set(key, group);
    }
    return group;
  }

  #id(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer);
    if (id === undefined) this.#bufferIds.set(buffer, id = this.#nextBufferId++);
    return id;
  }

  /** Bind groups keep their buffers alive, so the cache is emptied now and then. */
  #dropBindGroups(): void {
    if (this.#bindGroups.size > 4096) this.#bindGroups.clear();
  }

  #await(scope: Promise<GPUError | null>, operations: string[], told: (message: string) => string): void {
    const check = scope.then((error) => {
      if (error) {
        this.fail(
          new DataError(`${listed(operations)} on the WebGPU device ${told(firstLine(error.message))}`),
        );
      }
    }, () => {/* the device is lost, which is reported where it is noticed */});
    this.#pendingChecks.add(check);
    check.finally(() => this.#pendingChecks.delete(check));
  }
}

interface Bound {
  readonly entries: { binding: number; buffer: GPUBuffer; offset: number; size: number }[];
  readonly types: Map<string, DType>;
  readonly constants: Record<string, number>;
  readonly params: Record<string, number>;
  /** What to enqueue behind the dispatch. */
  readonly after: (() => void)[];
}

/** Workgroups of `size` invocations for `count` of them, within 65,535 a dimension. */
export function grid(count: number, size: number): [number, number, number] {
  const groups = Math.ceil(count / size);
  if (groups <= 65535) return [groups, 1, 1];
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y, 1];
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function firstLine(message: string): string {
  return message.trim().split("\n").map((line) => line.trim()).filter((line) => line).slice(0, 3).join("; ");
}

function listed(operations: string[]): string {
  const names = [...new Set(operations)];
  if (names.length <= 3) return names.join(", ") || "A copy";
  return `${names[0]}, ${names[1]} and ${names.length - 2} more operations up to ${names.at(-1)}`;
}
