/**
 * `Tensor`: numbers on a device, with a shape, and the rules by which their memory is given back.
 *
 * Memory is counted, not collected. A tensor belongs to the innermost `scope` that was open when it was made and is freed
 * when that scope ends, unless the scope's function returns it (then the surrounding scope, or the caller, owns it).
 * Whatever the gradients still need stays until `backward` has used it. Outside any scope, `dispose` is the caller's.
 *
 *     const loss = scope(() => maskedSquaredError(model.forward(x), y));   // everything in between is freed or on the tape
 *     backward(loss);                                                      // and now the tape is too
 *     console.log(await loss.read());
 *     loss.dispose();
 */
import type { Backend, DType, Storage } from "../backend/backend.ts";

/** How a tensor came about, for its gradient (see tape.ts). */
export interface TapeNode {
  /** Nodes made later have larger numbers; backward visits them from the largest down. */
  readonly order: number;
  /** Where the gradients of the inputs go: to a node, to the `grad` of a leaf, nowhere. */
  readonly inputs: readonly (TapeNode | Tensor | null)[];
  /** Gradients of the inputs (null where not needed) from that of the output. Null once used. */
  differentiate: ((gradient: Tensor) => readonly (Tensor | null)[]) | null;
  /** For scalar losses: the gradients of `scale` times the loss, without a tensor for the scale. */
  differentiateLoss: ((scale: number) => readonly (Tensor | null)[]) | null;
  /** Give back what was kept for `differentiate`. */
  release(): void;
  /** The output's handle or a later node counts on this one, or no longer does; with the last one gone it is released. */
  hold(): void;
  drop(): void;
}

/** A counted reference to device memory; tensors of different shapes may share one. */
class Block {
  references = 1;
  constructor(readonly backend: Backend, readonly storage: Storage) {}
  retain(): this {
    this.references++;
    return this;
  }
  release(): void {
    if (--this.references === 0) this.backend.release(this.storage);
  }
}

/** Numbers on a device. Shapes are `rows, columns` or `batch, length, width`; data is row-major. */
export class Tensor {
  /** Leaf whose gradient is wanted: `backward` adds it to `grad`. */
  requiresGrad = false;
  /** Sum of the gradients of all `backward` runs since it was last null. Belongs to this tensor. */
  grad: Tensor | null = null;
  /** How it was computed, where something that it came from wants a gradient. */
  node: TapeNode | null = null;
  readonly shape: readonly number[];
  readonly #block: Block;
  #scope: Set<Tensor> | null = null;
  #owned = true;

  private constructor(block: Block, shape: readonly number[]) {
    this.#block = block;
    this.shape = shape;
    this.#scope = openScopes.at(-1) ?? null;
    this.#scope?.add(this);
  }

  /** New memory of undefined content. */
  static empty(backend: Backend, shape: readonly number[], dtype: DType = "f32"): Tensor {
    return new Tensor(new Block(backend, backend.allocate(dtype, sizeOf(shape))), shape);
  }

  /** The same memory under another shape. Carries no gradient; see `reshape` for the operation. */
  view(shape: readonly number[] = this.shape): Tensor {
    if (sizeOf(shape) !== this.size) throw new RangeError(`Cannot view [${this.shape}] as [${shape}]`);
    this.#assertAlive();
    return new Tensor(this.#block.retain(), shape);
  }

  get backend(): Backend {
    return this.#block.backend;
  }
  get dtype(): DType {
    return this.#block.storage.dtype;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  /** Size of the last axis (1 for a scalar). */
  get columns(): number {
    return this.shape.at(-1) ?? 1;
  }
  /** Product of all axes but the last. */
  get rows(): number {
    return sizeOf(this.shape.slice(0, -1));
  }
  /** The memory, for calls of the backend. @throws {Error} after it was freed */
  get storage(): Storage {
    this.#assertAlive();
    return this.#block.storage;
  }
  /** Whether gradients flow into or through this tensor. */
  get tracked(): boolean {
    return this.requiresGrad || this.node !== null;
  }
  /** Whether no other tensor and no tape shares the memory, so that it may be overwritten. */
  get unshared(): boolean {
    return this.#block.references === 1;
  }

  /** Copy the numbers to the host; f16 comes widened. */
  async read(): Promise<Float32Array> {
    return await this.backend.read(this.storage, 0, this.size) as Float32Array;
  }
  /** Copy an i32 tensor to the host. */
  async readIntegers(): Promise<Int32Array> {
    return await this.backend.read(this.storage, 0, this.size) as Int32Array;
  }
  /** Overwrite the numbers from the host. */
  write(data: Float32Array | Int32Array): void {
    if (data.length !== this.size) {
      throw new RangeError(`Cannot write ${data.length} numbers to a tensor of [${this.shape}]`);
    }
    this.backend.write(this.storage, data);
  }

  /** Hold the memory for a tape; undone by the returned function. */
  retain(): () => void {
    this.#assertAlive();
    const block = this.#block.retain();
    return () => block.release();
  }

  /** Give up this handle (twice is fine). The memory goes back when nothing else refers to it. */
  dispose(): void {
    if (!this.#owned) return;
    this.#owned = false;
    this.#scope?.delete(this);
    this.#scope = null;
    this.#block.release();
    this.node?.drop();
  }

  /** Move to another scope; null: the caller owns it from now on. */
  moveTo(scope: Set<Tensor> | null): this {
    this.#scope?.delete(this);
    this.#scope = scope;
    scope?.add(this);
    return this;
  }

  #assertAlive() {
    if (this.#block.references === 0) {
      throw new Error(
        `A tensor of [${this.shape}] was used after it was freed: return it from its scope, or keep() it`,
      );
    }
  }
}

/** Product of the sizes of all axes. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

const openScopes: Set<Tensor>[] = [];

/**
 * Run `f`, then free every tensor made in it except those in its result (a tensor, or arrays and plain objects of them).
 * `f` must not be async: reading numbers back is for outside.
 */
export function scope<T>(f: () => T): T {
  const made = new Set<Tensor>();
  openScopes.push(made);
  try {
    const result = f();
    if (result instanceof Promise) throw new TypeError("scope() takes a function that is not async");
    const outer = openScopes.at(-2) ?? null;
    for (const tensor of tensorsIn(result)) if (made.has(tensor)) tensor.moveTo(outer);
    return result;
  } finally {
    openScopes.pop();
    for (const tensor of made) tensor.dispose();
  }
}

/** Take a tensor out of all scopes: it lives until `dispose`. */
export function keep(tensor: Tensor): Tensor {
  return tensor.moveTo(null);
}

/** The reverse of `keep`: let the innermost open scope free it. */
export function adopt(tensor: Tensor): Tensor {
  return tensor.moveTo(openScopes.at(-1) ?? null);
}

function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) { for (const item of value) yield* tensorsIn(item); }
  else if (value && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) yield* tensorsIn(item);
  }
}

/** A tensor holding `data`: Float32Array as f32 (or narrowed to f16), Int32Array as i32. */
export function fromArray(
  backend: Backend,
  data: Float32Array | Int32Array,
  shape: readonly number[] = [data.length],
  dtype: DType = data instanceof Int32Array ? "i32" : "f32",
): Tensor {
  const tensor = Tensor.empty(backend, shape, dtype);
  tensor.write(data);
  return tensor;
}

/** A tensor of one value throughout. */
export function full(
  backend: Backend,
  shape: readonly number[],
  value: number,
  dtype: DType = "f32",
): Tensor {
  const tensor = Tensor.empty(backend, shape, dtype);
  backend.fill(tensor.storage, value);
  return tensor;
}

/** A trainable leaf that no scope frees. */
export function parameter(backend: Backend, data: Float32Array, shape: readonly number[]): Tensor {
  const tensor = keep(fromArray(backend, data, shape));
  tensor.requiresGrad = true;
  return tensor;
}
