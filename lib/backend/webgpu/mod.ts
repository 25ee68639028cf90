/** The WebGPU engine: WGSL kernels on Deno's WebGPU. A kernel family is a file, which gives its part of the interface. */
import { DataError } from "../../cli/errors.ts";
import type { Backend } from "../backend.ts";
import { systemMemory } from "../system_memory.ts";
import { type AdapterReport, describeAdapter, findAdapter, openDevice, type SizeLimits } from "./adapter.ts";
import { attentions } from "./attention.ts";
import { convolutions } from "./causal_convolution.ts";
import { elementwise } from "./elementwise.ts";
import { transforms } from "./fft.ts";
import { layerNorms } from "./layer_norm.ts";
import { products } from "./matmul.ts";
import { memoryOperations } from "./memory_operations.ts";
import { bindOperations } from "./operation.ts";
import { reductions } from "./reductions.ts";
import { rowOperations } from "./rows.ts";
import { type KernelSet, Runtime } from "./runtime.ts";
import { sequenceOperations } from "./sequence.ts";
import { transposes } from "./transpose.ts";
import { updates } from "./updates.ts";

const operations = {
  ...memoryOperations,
  ...products,
  ...elementwise,
  ...transposes,
  ...reductions,
  ...layerNorms,
  ...sequenceOperations,
  ...attentions,
  ...rowOperations,
  ...updates,
  ...convolutions,
  ...transforms,
};

export interface WebGpuOptions {
  /** Measure the time of each kernel family. */
  readonly profile?: boolean;
  /** Take an adapter that runs on the CPU; default true. */
  readonly allowSoftware?: boolean;
  /** Most bytes in use at once; default what the device gives. */
  readonly memoryLimit?: number;
  /**
   * The adapter's own largest limits (the default), the smallest that the standard guarantees (and no optional
   * feature), or sizes below those, so that a test of splitting needs no large tensors.
   */
  readonly limits?: "largest" | "smallest" | SizeLimits;
  /** Kernels to run instead of those that suit the adapter. */
  readonly kernels?: KernelSet;
}

/**
 * Open the WebGPU device of this machine.
 *
 * @throws {DataError} when there is none, or only a software adapter that was not allowed
 */
export async function openWebGpuBackend(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const adapter = await findAdapter();
  if (!adapter) throw new DataError("Cannot use WebGPU: this machine offers no adapter. Use --device cpu");
  const report = describeAdapter(adapter);
  if (report.software && options.allowSoftware === false) {
    throw new DataError(
      `Cannot use WebGPU: "${report.name}" runs on the CPU. Use --device cpu, which is faster there`,
    );
  }
  return webGpuBackend(
    await openDevice(adapter, options.limits === "smallest" ? "smallest" : "largest"),
    report,
    options,
  );
}

/** The engine, with what it stands on. */
export interface WebGpuBackend extends Backend {
  readonly runtime: Runtime;
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
}

/** The engine on a device that is open. */
export function webGpuBackend(
  device: GPUDevice,
  adapter: AdapterReport,
  options: WebGpuOptions,
): WebGpuBackend {
  const runtime = new Runtime(device, {
    adapterName: adapter.name,
    kernels: options.kernels ?? (adapter.software ? "software" : "gpu"),
    profile: options.profile ?? false,
    // A software adapter allocates from main memory.
    memoryLimit: Math.min(
      options.memoryLimit ?? Infinity,
      adapter.software ? systemMemory("available") : Infinity,
    ),
    limits: typeof options.limits === "object" ? options.limits : {
      bindingBytes: device.limits.maxStorageBufferBindingSize,
      bufferBytes: device.limits.maxBufferSize,
    },
  });
  return {
    name: "webgpu",
    description: adapter.name,
    supportsF16: runtime.supportsF16,
    memory: runtime.pool,
    runtime,
    device,
    adapter,
    ...bindOperations(runtime, operations),
  };
}
