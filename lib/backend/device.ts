/**
 * The choice of engine behind `--device auto|webgpu|cpu`: a real GPU where there is one; a software adapter only on
 * request, since the CPU engine is several times faster there; else the CPU.
 */
import type { Backend } from "./backend.ts";
import { forbiddenBlas } from "./cpu/blas_places.ts";
import { openCpuBackend } from "./cpu/mod.ts";
import { describeAdapter, findAdapter } from "./webgpu/adapter.ts";
import { UsageError } from "../cli/errors.ts";

/** Values of `--device`. */
export const devices = ["auto", "webgpu", "cpu"] as const;
export type Device = typeof devices[number];

export interface BackendOptions {
  readonly device: Device;
  /** Worker threads of the CPU engine; default all cores. */
  readonly threads?: number;
  /** Whether the CPU engine hands matrix products to the system's BLAS library: "auto", "off", or the path of one. */
  readonly blas?: string;
  /** Measure the time of each kernel family. */
  readonly profile?: boolean;
  /** Most bytes of device memory in use at once. */
  readonly memoryLimit?: number;
}

/** An engine, and one sentence that says which was taken and why. */
export interface OpenedBackend {
  readonly backend: Backend;
  readonly reason: string;
  /** What would make it faster here. */
  readonly advice?: string | null;
}

/**
 * Open the engine that `device` asks for. The caller prints `reason` and puts it into summary.json.
 *
 * @throws {DataError} when `webgpu` is asked for and there is no adapter
 */
export async function openBackend(options: BackendOptions): Promise<OpenedBackend> {
  const { device } = options;
  if (!devices.includes(device)) {
    throw new UsageError(
      `Unknown device "${device}". Use ${devices.slice(0, -1).join(", ")} or ${devices.at(-1)}`,
    );
  }
  if (device === "webgpu") return await openWebGpu(options, "asked for by --device webgpu");
  if (device === "cpu") return await openCpu(options, "asked for by --device cpu");
  const choice = await chooseDevice();
  return choice.device === "webgpu"
    ? await openWebGpu(options, choice.why)
    : await openCpu(options, choice.why);
}

/** What `--device auto` takes on this machine, and why. Opens nothing. */
export async function chooseDevice(): Promise<{ device: "webgpu" | "cpu"; why: string }> {
  const adapter = await findAdapter();
  if (!adapter) return { device: "cpu", why: "no WebGPU adapter found" };
  const { name, software } = describeAdapter(adapter);
  if (!software) return { device: "webgpu", why: "a GPU is at hand" };
  return { device: "cpu", why: `the only WebGPU adapter, ${name}, runs on the CPU and is slower there` };
}

async function openWebGpu(options: BackendOptions, why: string): Promise<OpenedBackend> {
  const { openWebGpuBackend } = await import("./webgpu/mod.ts"); // a run on the CPU loads no kernels for a GPU
  const backend = await openWebGpuBackend({ profile: options.profile, memoryLimit: options.memoryLimit });
  return { backend, reason: `Device: WebGPU, ${backend.description} (${why})` };
}

async function openCpu(options: BackendOptions, why: string): Promise<OpenedBackend> {
  const { threads, blas, profile, memoryLimit } = options;
  const backend = await openCpuBackend({ threads, blas, profile, memoryLimit });
  const library = (blas ?? "auto") === "auto" ? forbiddenBlas() : null;
  return {
    backend,
    reason: `Device: ${backend.description} (${why})`,
    advice: library && `With -P=blas instead of -P, ${library} would multiply matrices, which is faster`,
  };
}
