/**
 * A kernel family: the text of one .wgsl file, turned into pipelines for the element types, sizes and override
 * constants at hand. The file itself is the only place where bindings and parameters are declared; they are read
 * from its text:
 *
 *     @group(0) @binding(1) var<storage, read> x: array<TYPE_x>;     // TYPE_x becomes f32, f16 or i32
 *     struct Params { rows: u32, x_offset: u32, alpha: f32 }         // the uniform at group 1
 *     override HAS_x: bool = true;                                   // false where the operand is absent
 *     override x_IN_out: bool = false;                               // true where x is the same memory as out
 */
import type { DType } from "../backend.ts";

/** One storage binding as declared in the text. */
export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly writable: boolean;
  /** A uniform buffer: read-only, 64 KiB at most. */
  readonly uniform: boolean;
}

/** One 4-byte field of `struct Params`. */
export interface Field {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** A pipeline with its bind group layout, ready to dispatch. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class Kernel {
  readonly bindings: Binding[];
  readonly fields: Field[];
  readonly fieldNames: Set<string>;
  readonly overrides: Set<string>;
  readonly #compiled = new WeakMap<
    GPUDevice,
    { layout: GPUBindGroupLayout; pipelines: Map<string, Pipeline> }
  >();

  /**
   * @param family name in profiles and messages
   * @param text the .wgsl file, after the shared functions that it calls
   */
  constructor(readonly family: string, readonly text: string) {
    this.bindings = [];
    for (const [, index, access, name] of text.matchAll(bindingPattern)) {
      if (this.bindings.some((binding) => binding.index === Number(index))) continue; // another view of the same one
      const writable = access === "storage, read_write";
      this.bindings.push({ name, index: Number(index), writable, uniform: access === "uniform" });
    }
    const [, body] = /struct Params \{([^}]*)\}/.exec(text) ?? ["", ""];
    this.fields = [...body.matchAll(/(\w+):\s*(u32|i32|f32)/g)].map(([, name, type]) => ({
      name,
      type: type as Field["type"],
    }));
    this.fieldNames = new Set(this.fields.map(({ name }) => name));
    this.overrides = new Set([...text.matchAll(/^override (\w+)/gm)].map(([, name]) => name));
  }

  /**
   * @param entry entry point
   * @param types element type of each typed binding
   * @param sizes values of `const` declarations (WGSL cannot size a private array by an override)
   * @param constants values of override constants
   * @param refused told when the device turns out not to accept the text
   */
  pipeline(
    device: GPUDevice,
    entry: string,
    types: Map<string, DType>,
    sizes: Record<string, number>,
    constants: Record<string, number>,
    refused: (message: string) => void,
  ): Pipeline {
    let key = entry;
    for (const [name, type] of types) key += `,${name}:${type}`;
    for (const name in sizes) key += `,${name}=${sizes[name]}`;
    for (const name in constants) key += `,${name}=${constants[name]}`;
    let compiled = this.#compiled.get(device);
    if (!compiled) {
      this.#compiled.set(device, compiled = { layout: this.#layout(device), pipelines: new Map() });
    }
    let found = compiled.pipelines.get(key);
    if (!found) {
      device.pushErrorScope("validation");
      found = this.#compile(device, compiled.layout, entry, types, sizes, constants, key);
      device.popErrorScope().then(
        (error) => error && refused(error.message),
        () => {/* the device is lost */},
      );
      compiled.pipelines.set(key, found);
    }
    return found;
  }

  /** One layout for all entry points, so that bind groups are shared between them. */
  #layout(device: GPUDevice): GPUBindGroupLayout {
    return device.createBindGroupLayout({
      entries: this.bindings.map(({ index, writable, uniform }) => ({
        binding: index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: uniform ? "uniform" : writable ? "storage" : "read-only-storage" },
      })),
    });
  }

  #compile(
    device: GPUDevice,
    layout: GPUBindGroupLayout,
    entry: string,
    types: Map<string, DType>,
    sizes: Record<string, number>,
    constants: Record<string, number>,
    key: string,
  ): Pipeline {
    const head = [...types.values()].includes("f16") ? ["enable f16;"] : [];
    for (const [name, type] of types) head.push(`alias TYPE_${name} = ${type};`);
    for (const name in sizes) head.push(`const ${name} = ${sizes[name]}u;`);
    const module = device.createShaderModule({
      label: `${this.family}: ${key}`,
      code: head.join("\n") + "\n" + this.text,
    });
    const pipeline = device.createComputePipeline({
      label: `${this.family}: ${key}`,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout, uniformLayout(device)] }),
      compute: { module, entryPoint: entry, constants },
    });
    return { pipeline, layout };
  }
}

const bindingPattern =
  /@group\(0\) @binding\((\d+)\) var<(storage, read|storage, read_write|uniform)> (\w+)\s*:/g;

const uniformLayouts = new WeakMap<GPUDevice, GPUBindGroupLayout>();

/** Group 1 of every kernel: its parameters, at a dynamic offset of the uniform ring. */
export function uniformLayout(device: GPUDevice): GPUBindGroupLayout {
  let layout = uniformLayouts.get(device);
  if (!layout) {
    layout = device.createBindGroupLayout({
      entries: [{
        binding: 0,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: 0 },
      }],
    });
    uniformLayouts.set(device, layout);
  }
  return layout;
}
