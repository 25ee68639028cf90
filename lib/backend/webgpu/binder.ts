/** Turns the operands of a dispatch into ranges of buffers as the device binds them. */
import type { DType } from "../backend.ts";
import type { SizeLimits } from "./adapter.ts";
import { type BufferPool, usage } from "./buffer_pool.ts";
import { spans, type Window } from "./gpu_storage.ts";
import type { Binding, Kernel } from "./kernel.ts";
import { roundUp } from "./splitting.ts";

/** Storage bindings begin at multiples of this. */
export const windowAlignment = 256;
/** What every device binds as a uniform buffer. */
export const uniformBytes = 65536;

/** Storages by binding name; null where the operand is absent. */
export type Operands = Record<string, Window | null>;

interface Entry {
  readonly binding: number;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** The operands of a dispatch, bound. */
export interface Bound {
  readonly entries: Entry[];
  readonly types: Map<string, DType>;
  readonly constants: Record<string, number>;
  /** Where each window starts within its range, as `<binding>_offset`. */
  readonly offsets: Record<string, number>;
  /** What to enqueue behind the dispatch. */
  readonly after: (() => void)[];
}

type Copy = (from: GPUBuffer, fromByte: number, to: GPUBuffer, toByte: number, bytes: number) => void;

export class Binder {
  /** Bound where an operand is absent: one buffer to read, one to write, a window of it a binding. */
  readonly #placeholders: { read: GPUBuffer; write: GPUBuffer };
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #bufferIds = new WeakMap<GPUBuffer, number>();
  #nextBufferId = 0;

  /** @param copy enqueues a copy of bytes between buffers */
  constructor(
    readonly device: GPUDevice,
    readonly limits: SizeLimits,
    readonly pool: BufferPool,
    readonly copy: Copy,
  ) {
    const placeholder = { size: 16 * windowAlignment, usage: usage.storage, label: "absent operand" };
    this.#placeholders = { read: device.createBuffer(placeholder), write: device.createBuffer(placeholder) };
  }

  /**
   * Resolve windows to buffer ranges: aligned, in one buffer, and no memory bound both read-only and writable.
   *
   * @throws {RangeError} for a window that is not of its storage, or larger than the device binds
   */
  bind(kernel: Kernel, what: string, operands: Operands): Bound {
    const bound: Bound = { entries: [], types: new Map(), constants: {}, offsets: {}, after: [] };
    const written = kernel.bindings.flatMap(({ name, writable }) =>
      writable && operands[name] ? [operands[name]] : []
    );
    for (const binding of kernel.bindings) {
      const window = operands[binding.name] ?? null;
      if (kernel.overrides.has(`HAS_${binding.name}`)) {
        bound.constants[`HAS_${binding.name}`] = Number(window !== null);
      }
      bound.types.set(binding.name, window?.storage.dtype ?? "f32");
      if (window) checkWindow(window, what, binding.name);
      bound.entries.push(
        window === null || window.count === 0
          ? this.#absent(binding)
          : this.#present(kernel, what, binding, window, written, bound),
      );
    }
    return bound;
  }

  #present(
    kernel: Kernel,
    what: string,
    binding: Binding,
    window: Window,
    written: Window[],
    { constants, offsets, after }: Bound,
  ): Entry {
    const { name, index, writable, uniform } = binding;
    const { storage, start, count } = window;
    const aliased = writable ? undefined : written.find((other) => other.storage === storage);
    if (aliased && aliased.start === start && kernel.overrides.has(`${name}_IN_out`)) {
      constants[`${name}_IN_out`] = 1;
      return this.#absent(binding);
    }
    const [span, ...more] = spans(window);
    const shift = span.byteOffset % windowAlignment;
    const shiftable = shift === 0 || kernel.fieldNames.has(`${name}_offset`);
    if (more.length > 0 || !shiftable || aliased) {
      const lead = start * storage.bytesPerElement % 4 / 2; // an odd f16 element shares its word with the one before
      if (lead > 0 && !shiftable) throw new RangeError(`${what}: "${name}" starts at an odd element`);
      const wider = { storage, start: start - lead, count: count + lead };
      offsets[`${name}_offset`] = lead;
      const size = roundUp((count + lead) * storage.bytesPerElement, 4);
      return { binding: index, buffer: this.#stage(wider, binding, after), offset: 0, size };
    }
    const size = roundUp(span.byteLength + shift, 4);
    if (size > (uniform ? uniformBytes : this.limits.bindingBytes)) {
      throw new RangeError(
        `${what}: a window of ${size} bytes of "${name}" is larger than this device binds`,
      );
    }
    offsets[`${name}_offset`] = shift / storage.bytesPerElement;
    return { binding: index, buffer: span.buffer, offset: span.byteOffset - shift, size };
  }

  #absent({ index, writable }: Binding): Entry {
    const buffer = writable ? this.#placeholders.write : this.#placeholders.read;
    return { binding: index, buffer, offset: index * windowAlignment, size: windowAlignment };
  }

  /** Gather a window into a buffer of its own, and scatter it back after the dispatch where it is written. */
  #stage(window: Window, { writable }: Binding, after: (() => void)[]): GPUBuffer {
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

  /** The bind group of `entries`, made once as long as the cache holds. */
  group(layout: GPUBindGroupLayout, kernel: Kernel, entries: Entry[]): GPUBindGroup {
    let key = kernel.family;
    for (const { binding, buffer, offset, size } of entries) {
      key += `,${binding}:${this.#id(buffer)}+${offset}:${size}`;
    }
    let group = this.#groups.get(key);
    if (!group) {
      group = this.device.createBindGroup({
        layout,
        entries: entries.map(({ binding, ...resource }) => ({ binding, resource })),
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  #id(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer);
    if (id === undefined) this.#bufferIds.set(buffer, id = this.#nextBufferId++);
    return id;
  }

  /** Bind groups keep their buffers alive, so the cache is emptied now and then: after a submission. */
  trim(): void {
    if (this.#groups.size > 4096) this.#groups.clear();
  }
}

function checkWindow({ storage, start, count }: Window, what: string, name: string): void {
  if (storage.released) throw new RangeError(`${what}: the storage of "${name}" was released before`);
  if (count > 0 && (start < 0 || start + count > storage.length)) {
    throw new RangeError(
      `${what}: "${name}" needs elements ${start} to ${start + count} of ${storage.length}`,
    );
  }
}
