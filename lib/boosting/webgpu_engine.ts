import type { TreeEngine } from "./engine.ts";
export function openWebGpuTrees(): Promise<TreeEngine> {
  throw new Error("todo");
}
