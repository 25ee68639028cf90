/**
 * Runs kernels in call order: binds windows of storages, writes parameters, gathers dispatches into few submissions
 * and turns whatever goes wrong on the device into one DataError.
 */
import { DataError } from "../../cli/errors.ts";
import type { DType, Storage } from "../backend.ts";
import type { SizeLimits } from "./adapter.ts";
import { Binder, type Operands, windowAlignment } from "./binder.ts";
import { BufferPool } from "./buffer_pool.ts";
import { Failures, firstLines } from "./failures.ts";
import { bytesPerElement, GpuStorage } from "./gpu_storage.ts";
import type { Kernel } from "./kernel.ts";
import { Parameters } from "./parameters.ts";
import { Profiler } from "./profiler.ts";
import { grid, pieces } from "./splitting.ts";

/** Which kernels an adapter runs well: "software" has slow workgroup barriers, "gpu" slow uncoalesced loads. */
export type KernelSet = "software" | "gpu";

export interface RuntimeOptions {
  /** The adapter's name, for messages. */
  readonly adapterName: string;
  readonly kernels: KernelSet;
  readonly profile: boolean;
  readonly memoryLimit: number;
  readonly limits: SizeLimits;
}

/** One call of a kernel. */
export interface Dispatch {
  readonly entry: string;
  readonly operands: Operands;
  /** Fields of `struct Params`, less the `<binding>_offset` that the runtime fills in; 0 where not given. */
  readonly params?: Record<string, number>;
  readonly constants?: Record<string, number>;
  readonly sizes?: Record<string, number>;
  /** How many invocations, in workgroups of 64, or how many workgroups of the kernel's own size. */
  readonly work: number | readonly [number, number, number];
}

/** Operands of an operation that is cut by rows, each with its elements a row. */
type RowOperands = readonly (readonly [Storage | null, elementsPerRow: number])[];

export class Runtime {
  readonly pool: BufferPool;
  readonly profiler: Profiler | null;
  readonly kernels: KernelSet;
  readonly adapterName: string;
  /** Bytes that a window may have, so that it fits a binding wherever it starts. */
  readonly maxWindowBytes: number;
  readonly #limits: SizeLimits;
  readonly #failures: Failures;
  readonly #parameters: Parameters;
  readonly #binder: Binder;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  readonly #touched = new Set<GPUBuffer>();
  #operations: string[] = [];

  constructor(readonly device: GPUDevice, options: RuntimeOptions) {
    this.kernels = options.kernels;
    this.adapterName = options.adapterName;
    this.#limits = options.limits;
    this.maxWindowBytes = options.limits.bindingBytes - windowAlignment;
    this.#failures = new Failures(device);
    this.pool = new BufferPool(device, options.memoryLimit, (error) => this.#failures.add(error));
    this.#parameters = new Parameters(device);
    this.#binder = new Binder(device, options.limits, this.pool, this.copy.bind(this));
    this.profiler = options.profile ? new Profiler(device) : null;
  }

  get supportsF16(): boolean {
    return this.device.features.has("shader-f16");
  }

  /** @throws {DataError} what went wrong since the last check; the loss of the device again and again */
  check(): void {
    this.#failures.check();
  }

  allocate(dtype: DType, length: number): GpuStorage {
    this.check();
    const bytes = bytesPerElement(dtype);
    const segmentElements = Math.floor(this.#limits.bufferBytes / windowAlignment) * windowAlignment / bytes;
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
  rowsPerWindow(operation: string, operands: RowOperands): number {
    let rows = Infinity;
    for (const [storage, elementsPerRow] of operands) {
      if (!storage || elementsPerRow === 0) continue;
      rows = Math.min(
        rows,
        Math.floor(this.maxWindowBytes / (elementsPerRow * bytesPerElement(storage.dtype))),
      );
    }
    if (rows < 1) {
      throw new DataError(
        `Cannot run ${operation}: one row is larger than the ${this.maxWindowBytes} bytes this WebGPU device binds. Use --device cpu`,
      );
    }
    return rows;
  }

  /** [first, count] pieces of `rows` rows, each of which fits one binding of every operand. */
  rowPieces(
    operation: string,
    rows: number,
    operands: RowOperands,
  ): Iterable<[first: number, count: number]> {
    return pieces(rows, this.rowsPerWindow(operation, operands));
  }

  /** Enqueue one call of a kernel. @param what operation and shapes, for errors: "matmul 3 x 4 x 5" */
  dispatch(kernel: Kernel, what: string, call: Dispatch): void {
    this.check();
    const [x, y, z] = typeof call.work === "number" ? grid(call.work, 64) : call.work;
    if (x === 0 || y === 0 || z === 0) return;
    if (this.#parameters.full) this.flush();
    const bound = this.#binder.bind(kernel, what, call.operands);
    for (const { buffer } of bound.entries) this.#touched.add(buffer);
    const { pipeline, layout } = kernel.pipeline(
      this.device,
      call.entry,
      bound.types,
      call.sizes ?? {},
      { ...call.constants, ...bound.constants },
      (message) => this.#failures.add(`Cannot run ${what}: its kernel was refused: ${firstLines(message)}`),
    );
    const offset = this.#parameters.add(kernel, what, call.params ?? {}, bound.offsets);
    const pass = this.#beginPass(kernel.family);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#binder.group(layout, kernel, bound.entries));
    pass.setBindGroup(1, this.#parameters.group, [offset]);
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
    this.#parameters.upload();
    this.device.queue.submit([encoder.finish()]);
    const refused = (message: string) => `was refused: ${message}. Use --device cpu`;
    const full = () => "ran out of device memory. Use a smaller --batch-size, or --device cpu";
    // Scopes end from the last to the first: see #commandEncoder.
    for (const told of [refused, full]) this.#failures.watch(this.device.popErrorScope(), operations, told);
    this.#encoder = null;
    this.#operations = [];
    this.#touched.clear();
    this.profiler?.submitted();
    this.#binder.trim();
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
  settle(): Promise<void> {
    return this.#failures.settle();
  }

  close(): void {
    if (this.#failures.closed) return;
    this.#failures.close();
    this.device.destroy();
  }

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
}
