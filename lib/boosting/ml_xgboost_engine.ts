/**
 * The real XGBoost, compiled to WebAssembly by the npm package ml-xgboost, in worker threads: to check the other engines
 * against. Slow. It knows neither sample weights (rows of weight 0 are left out) nor NaN (-1 is its missing value).
 */
import { DataError, UsageError } from "../cli/errors.ts";
import { type FitTask, type FittedOutput, needsTrees, type TreeEngine } from "./engine.ts";
import { FittingThreads } from "./fitting_threads.ts";

export function openMlXgboost(threads: number): TreeEngine {
  const workers = new FittingThreads(new URL("./ml_xgboost_worker.ts", import.meta.url), threads);
  return {
    name: "ml-xgboost",
    description: `ml-xgboost 1.1.2, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    async fit(task: FitTask, onFitted: (fitted: FittedOutput) => void) {
      refuseUnsupported(task);
      await workers.fit(task, onFitted);
    },
    close: () => Promise.resolve(workers.close()),
  };
}

function refuseUnsupported({ data, wanted }: FitTask): void {
  if (needsTrees(wanted)) {
    throw new UsageError("The engine ml-xgboost only predicts: models and importances need --engine cpu");
  }
  if (data.weights.some((weight) => weight !== 0 && weight !== 1)) {
    throw new UsageError(
      "The engine ml-xgboost takes no sample weights other than 0 and 1: use --engine cpu",
    );
  }
  if (data.columns.includes(-1) || data.test.includes(-1)) {
    throw new DataError(
      "Cannot use the engine ml-xgboost: it reads the value -1, which is in the data, as missing",
    );
  }
}
