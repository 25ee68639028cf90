/** Script 7 with --adapter: predictions of an adapter that was trained before, here or by PEFT. */
import { openDevice, printProfile } from "../backend/device_flags.ts";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { perturbationMetrics } from "../evaluation/metrics.ts";
import { writePredictionPlot } from "../evaluation/prediction_plot.ts";
import {
  meanMetrics,
  type ResultFolder,
  writeMetricsTable,
  writePredictions,
  writeSummary,
} from "../evaluation/result_folder.ts";
import { halfPrecision } from "../models/half_precision.ts";
import { Ia3Regressor } from "../models/ia3.ts";
import type { Ia3Experiment } from "./experiment.ts";
import { ia3MetricColumns } from "./results.ts";
import { predictSequences } from "./predict_sequences.ts";
import { readAdapter, warnOfOtherBase } from "../models/peft_adapter.ts";

export interface AdapterRun extends Omit<Ia3Experiment, "flags" | "script"> {
  readonly flags: Ia3Experiment["flags"] & { readonly adapter: string };
  readonly folder: ResultFolder;
}

/** Predict every perturbation with a sequence, and compare with the targets. */
export async function predictWithAdapter({ flags, folder, inputs, startMs }: AdapterRun): Promise<void> {
  const { targets, tokenIds, model } = inputs;
  const { perturbations, genes, values } = targets;
  const adapter = await readAdapter(flags.adapter);
  warnOfOtherBase(flags.adapter, adapter.config, flags.model);
  const outputs = adapter.head.get("out_proj.bias")!.data.length;
  if (outputs !== genes.length) {
    throw new DataError(
      `Cannot use the adapter "${flags.adapter}": it predicts ${outputs} genes, ` +
        `"${targets.path}" has ${genes.length} (the targets that it was trained on are needed)`,
    );
  }
  const opened = await openDevice(flags);
  const { backend, reason } = opened;
  try {
    const encoder = await model.load(
      backend,
      halfPrecision(flags.mixedPrecision, true, backend) ? "f16" : "f32",
    );
    const regressor = Ia3Regressor.fromAdapter(encoder, adapter);
    const rows = perturbations.map((_, row) => row);
    const predictions = await predictSequences(
      regressor,
      tokenIds,
      rows,
      model.tokenizer,
      flags.evalBatchSize,
    );
    regressor.dispose();
    encoder.dispose();
    await printProfile(opened);

    const metrics = perturbationMetrics(values, predictions);
    await writePredictions(folder, perturbations, genes, predictions);
    await writeMetricsTable(folder, perturbations, metrics, ia3MetricColumns);
    const plot = await writePredictionPlot(folder, {
      name: "pred_vs_gt",
      heading: "Pred vs GT",
      truth: values,
      prediction: predictions,
      format: flags.plotFormat,
      limits: null,
    });
    log.info(`Saved plot to ${plot}`);
    await writeSummary(folder, {
      model_name: folder.modelName,
      model_type: "Nucleotide Transformer v2 with IA3, regression",
      pretrained_model: flags.model,
      adapter: flags.adapter,
      note: "all perturbations, those that the adapter was trained on included",
      n_tfs: perturbations.length,
      n_genes: genes.length,
      n_dropped_without_sequence: inputs.dropped,
      n_truncated_sequences: inputs.truncated,
      ...meanMetrics(metrics, ia3MetricColumns, { prefix: "mean_" }),
      device: backend.name,
      device_reason: reason,
      timings_seconds: { total: (performance.now() - startMs) / 1000 },
    });
  } finally {
    await backend.close();
  }
}
