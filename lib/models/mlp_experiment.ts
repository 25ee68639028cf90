/** What both MLP scripts do, whichever embeddings they learn from. */
import { deviceFlags, openDevice } from "../backend/device_flags.ts";
import type { Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { metricColumns } from "../evaluation/metrics_table.ts";
import {
  hyenaEmbeddingFlags,
  ntEmbeddingFlags,
  readEmbeddingData,
} from "../experiment/embedding_experiment.ts";
import { checkpointFlags, experimentFlags } from "../experiment/flags.ts";
import { runExperiment } from "../experiment/run_experiment.ts";
import { halfPrecision } from "./half_precision.ts";
import { mlpFlags } from "./mlp_flags.ts";
import { onDevice } from "./on_device.ts";
import { mlpModel } from "./mlp_model.ts";

export const mlpExperimentFlags = {
  ...mlpFlags,
  ...experimentFlags,
  ...checkpointFlags,
  ...deviceFlags,
} as const;

export interface MlpExperiment {
  readonly script: string;
  readonly flags:
    & Flags<typeof mlpExperimentFlags>
    & Partial<Flags<typeof ntEmbeddingFlags> & Flags<typeof hyenaEmbeddingFlags>>
    & { readonly modelName: string; readonly embeddings: string[] | null; readonly ids: string[] | null };
  readonly pipeline: "ntv2" | "hyenadna";
  /** What the embeddings are called in summary.json. */
  readonly embeddingName: string;
}

export async function runMlpExperiment(
  { script, flags, pipeline, embeddingName }: MlpExperiment,
): Promise<void> {
  await runExperiment({
    script,
    flags,
    modelName: flags.modelName,
    modelType: `${flags.hiddenDims.length}-layer MLP (${embeddingName})`,
    layout: {
      predictions: flags.modelName,
      plotLabel: flags.modelName,
      metricColumns,
      means: "flat",
      indexName: "",
    },
    checkpointSeconds: flags.checkpointSeconds,
    read: (folder) => readEmbeddingData(flags, folder, pipeline),
    async model(data) {
      log.info(`MLP: ${[data.inputs.columns, ...flags.hiddenDims, data.targets.genes.length].join(" -> ")}.`);
      const opened = await openDevice(flags);
      const mixedPrecision = halfPrecision(flags.mixedPrecision, opened.backend);
      return onDevice(mlpModel(data, data.inputs, { ...flags, mixedPrecision }, opened.backend), opened);
    },
  });
}
