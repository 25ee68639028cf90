/** Trees on the CPU: the WebAssembly kernel, on as many threads as asked for. */
import {
  type FitTask,
  type FittedOutput,
  needsTrees,
  type TreeEngine,
  treesAndImportance,
} from "./engine.ts";
import { fitHere, type Fitter, FittingThreads, type LoadMessage } from "./fitting_threads.ts";
import { BoostingKernel } from "./kernel.ts";

/** @param threads 1 works in this thread and needs no permission to start others */
export function openCpuTrees(threads: number): TreeEngine {
  const workers = threads > 1
    ? new FittingThreads(new URL("./cpu_worker.ts", import.meta.url), threads)
    : null;
  return {
    name: "cpu",
    description: `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    fit: (task: FitTask, onFitted: (fitted: FittedOutput) => void) =>
      workers ? workers.fit(task, onFitted) : fitHere(openKernelFitter(task), task, onFitted),
    close: () => Promise.resolve(workers?.close()),
  };
}

export function openKernelFitter({ data, parameters, wanted }: LoadMessage): Fitter {
  const kernel = new BoostingKernel(data, parameters, { keepTrees: needsTrees(wanted) });
  return {
    fit(output, targets) {
      const { test, baseScore, trees } = kernel.fit(targets);
      const model = { baseScore, features: data.features, trees: trees ?? [] };
      return { output, test, ...treesAndImportance(model, wanted) };
    },
  };
}
