/**
 * The WebGPU adapter of this machine: what it is called, what it can do, and the device opened on it with the
 * largest limits and all features that the kernels can use.
 */
import { DataError } from "../../cli/errors.ts";

/** What the log line, `device_info.ts` and the choice of kernels need to know about an adapter. */
export interface AdapterReport {
  /** "NVIDIA H100 PCIe" or "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  /** Runs shaders on the CPU (`isFallbackAdapter`, llvmpipe, SwiftShader, WARP). */
  readonly software: boolean;
  readonly features: string[];
  readonly limits: Record<string, number>;
}

/** Limits that the kernels can make use of; all others stay at the standard's guaranteed minimum. */
const usefulLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
] as const;

const usefulFeatures = ["shader-f16", "timestamp-query", "subgroups"] as const;

/** The adapter that the system offers first, or null where there is none. */
export async function findAdapter(): Promise<GPUAdapter | null> {
  quietWindowSystem();
  return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? null;
}

/**
 * Software adapters complain on stderr where no window system is set up, which is no error for compute work: a folder
 * that exists, set in this process alone, keeps them quiet.
 */
function quietWindowSystem(): void {
  const variable = "XDG_RUNTIME_DIR";
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return;
  if (!Deno.env.get(variable)) Deno.env.set(variable, "/");
}

/** Describe an adapter without opening a device. */
export function describeAdapter(adapter: GPUAdapter): AdapterReport {
  const info = adapter.info as GPUAdapterInfo & { isFallbackAdapter?: boolean };
  const name = [info.description, info.device, info.architecture, info.vendor].find((part) => part) ??
    "unnamed adapter";
  const fallback = info.isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter ??
    false;
  const limits: Record<string, number> = {};
  // Drivers may name limits beyond what requestDevice() takes as a number.
  for (const limit of usefulLimits) {
    limits[limit] = Math.min(Number(adapter.limits[limit]), Number.MAX_SAFE_INTEGER);
  }
  return {
    name: String(name),
    software: fallback || /llvmpipe|lavapipe|swiftshader|software|microsoft basic render/i.test(String(name)),
    features: usefulFeatures.filter((feature) => adapter.features.has(feature as GPUFeatureName)),
    limits,
  };
}

/** How large a device's bindings and buffers may be used. */
export interface SizeLimits {
  readonly bindingBytes: number;
  readonly bufferBytes: number;
}

/**
 * Open a device with the adapter's own largest limits and all useful features, or with the least that the standard
 * guarantees.
 *
 * @throws {DataError} when the driver refuses
 */
export async function openDevice(adapter: GPUAdapter, limits: "largest" | "smallest"): Promise<GPUDevice> {
  const report = describeAdapter(adapter);
  try {
    return await adapter.requestDevice({
      requiredFeatures: limits === "smallest" ? [] : report.features as GPUFeatureName[],
      requiredLimits: limits === "smallest" ? {} : report.limits,
    });
  } catch (error) {
    throw new DataError(
      `Cannot open the WebGPU device "${report.name}": ${(error as Error).message}. Use --device cpu`,
    );
  }
}
