/** `--engine` and `--n-jobs`: which engine grows the trees. */
import type { FlagDeclarations } from "../cli/flags.ts";
import { UsageError } from "../cli/errors.ts";
import { openCpuTrees } from "./cpu_engine.ts";
import type { TreeEngine } from "./engine.ts";

export const engineFlags = {
  "engine": {
    default: "auto",
    choices: ["auto", "cpu", "webgpu", "ml-xgboost"],
    group: "Engine",
    help:
      "what grows the trees: cpu (which auto takes: XGBoost's trees to the last bit), webgpu (float32, a GPU), " +
      "or ml-xgboost (the real XGBoost in WebAssembly, slow, for checking)",
  },
  "device": {
    default: "auto",
    choices: ["auto", "cpu", "webgpu"],
    group: "Engine",
    help: "as in the other scripts: says what --engine auto takes",
  },
  "n-jobs": {
    default: -1,
    min: -1,
    group: "Engine",
    shownDefault: "-1, all cores",
    help: "threads that fit genes side by side. Results do not depend on their number",
  },
} as const satisfies FlagDeclarations;

type EngineName = "cpu" | "webgpu" | "ml-xgboost";

/** The engine that --engine asks for, or where that is auto, --device. */
export function askedEngine(
  { engine, device }: { engine: "auto" | EngineName; device: "auto" | "cpu" | "webgpu" },
): EngineName {
  if (engine !== "auto") return engine;
  return device === "webgpu" ? "webgpu" : "cpu";
}

/** Threads that --n-jobs asks for. @throws {UsageError} for 0 jobs */
export function askedThreads(jobs: number): number {
  if (jobs === 0) throw new UsageError("Cannot use --n-jobs 0: it must be at least 1, or -1 for one a core");
  return jobs === -1 ? navigator.hardwareConcurrency : jobs;
}

/**
 * @param jobs value of --n-jobs
 * @throws {UsageError} for 0 jobs
 * @throws {DataError} when there is no GPU that could serve
 */
export async function openTreeEngine(
  name: "auto" | EngineName,
  jobs: number,
): Promise<TreeEngine> {
  const threads = askedThreads(jobs);
  if (name === "webgpu") return await (await import("./webgpu_engine.ts")).openWebGpuTrees();
  if (name === "ml-xgboost") return (await import("./ml_xgboost_engine.ts")).openMlXgboost(threads);
  return openCpuTrees(threads);
}
