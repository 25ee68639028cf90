/** The parameters of dispatches: one uniform buffer, a slot a dispatch, filled on the host until it is submitted. */
import { usage } from "./buffer_pool.ts";
import { type Kernel, uniformLayout } from "./kernel.ts";

/** Bytes of parameters a dispatch, and how many dispatches make a submission at most. */
const slotBytes = 256;
const slots = 512;

export class Parameters {
  readonly group: GPUBindGroup;
  readonly #buffer: GPUBuffer;
  readonly #bytes = new ArrayBuffer(slotBytes * slots);
  readonly #view = new DataView(this.#bytes);
  #used = 0;

  constructor(readonly device: GPUDevice) {
    this.#buffer = device.createBuffer({
      size: slotBytes * slots,
      usage: usage.uniform,
      label: "parameters",
    });
    this.group = device.createBindGroup({
      layout: uniformLayout(device),
      entries: [{ binding: 0, resource: { buffer: this.#buffer, size: slotBytes } }],
    });
  }

  get full(): boolean {
    return this.#used === slots;
  }

  /**
   * Fill the next slot. Fields that are not given are 0: no entry point uses all of its file's.
   *
   * @param offsets where each binding's window starts; for fields that the kernel need not have
   * @returns where the slot starts, in bytes
   * @throws {RangeError} for a value that the kernel has no field for
   */
  add(
    kernel: Kernel,
    what: string,
    values: Record<string, number>,
    offsets: Record<string, number>,
  ): number {
    for (const name in values) {
      if (!kernel.fieldNames.has(name)) {
        throw new RangeError(`${what}: kernel "${kernel.family}" has no parameter "${name}"`);
      }
    }
    const start = this.#used++ * slotBytes;
    kernel.fields.forEach(({ name, type }, index) => {
      const at = start + 4 * index;
      const value = values[name] ?? offsets[name] ?? 0;
      if (type === "f32") this.#view.setFloat32(at, value, true);
      else if (type === "u32") this.#view.setUint32(at, value, true);
      else this.#view.setInt32(at, value, true);
    });
    return start;
  }

  /** Hand the slots to the device, before the commands that read them are submitted. */
  upload(): void {
    this.device.queue.writeBuffer(this.#buffer, 0, this.#bytes, 0, this.#used * slotBytes);
    this.#used = 0;
  }
}
