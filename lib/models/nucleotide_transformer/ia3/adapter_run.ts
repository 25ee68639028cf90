/** scripts/nt_v2_ia3_regression.ts with --adapter: predictions of an adapter that was trained before, here or by PEFT. */
import { openDevice, printProfile } from "../../../backend/device_flags.ts";
import { DataError } from "../../../cli/errors.ts";
import { log, printOutput, resultLine } from "../../../cli/log.ts";
import { takePerturbations, type Targets } from "../../../dataset/targets.ts";
import { meanMetric, perturbationMetrics } from "../../../evaluation/metrics.ts";
import { rawAndCenteredColumns } from "../../../evaluation/metrics_table.ts";
import { plotLimits } from "../../../evaluation/plot_limits.ts";
import { writePredictionPlot } from "../../../evaluation/prediction_plot.ts";
import { runIdOf } from "../../../experiment/identity.ts";
import { describeFile } from "../../../io/file_fact.ts";
import { openDataFolder, readRunTargets } from "../../../experiment/read_data.ts";
import { ResultFolder } from "../../../experiment/result_folder.ts";
import { writeFrames } from "../../../experiment/write_frames.ts";
import { writeJson } from "../../../experiment/write_result.ts";
import { writeFileAtomic } from "../../../io/atomic_write.ts";
import { encodeCsv } from "../../../io/csv.ts";
import type { Matrix } from "../../../linalg/matrix.ts";
import { halfPrecision } from "../../half_precision.ts";
import { Ia3Regressor } from "./vectors.ts";
import { type Adapter, readAdapter, warnOfOtherBase } from "../../peft_adapter.ts";
import type { Ia3ExperimentFlags } from "./experiment.ts";
import { type Ia3Inputs, readIa3Inputs } from "./inputs.ts";
import { predictSequences } from "./predict_sequences.ts";

type AdapterFlags = Ia3ExperimentFlags & { readonly adapter: string };

/** Predict every perturbation with a sequence, and compare with the targets. */
export async function predictWithAdapter(
  script: string,
  flags: AdapterFlags,
  modelName: string,
): Promise<void> {
  const startMs = performance.now();
  if (flags.json) log.toStandardError();
  plotLimits(flags.plotLimits); // a mistake is told before the work
  const folder = await ResultFolder.open(flags.outputDir, modelName);
  try {
    await folder.lock(await runIdOf({ adapter: flags.adapter, model: flags.model }), "alone");
    const data = await openDataFolder(flags.dataDir, [flags.targets, flags.sequences]);
    const read = await readRunTargets(flags, data, "targets_377.csv", {
      geneIndex: false,
      prefer: "gene_id",
    });
    const inputs = await readIa3Inputs(flags, data, read.targets, read.otherNames);
    const targets = takePerturbations(read.targets, inputs.targetRows);
    const adapter = await fittingAdapter(flags, targets);
    const { predictions, device, reason } = await predictAll(flags, inputs, adapter);
    const means = await writeFiles(folder, flags, targets, predictions);
    const shown = { ...flags, given: undefined, debug: undefined };
    const summary = {
      model_name: modelName,
      model_type: "Nucleotide Transformer v2 with IA3, regression",
      pretrained_model: flags.model,
      adapter: flags.adapter,
      note: "all perturbations, those that the adapter was trained on included",
      n_tfs: targets.perturbations.length,
      n_genes: targets.genes.length,
      n_dropped_without_sequence: inputs.dropped,
      n_truncated_sequences: inputs.truncated,
      ...means,
      device,
      device_reason: reason,
      timings_seconds: { total: (performance.now() - startMs) / 1000 },
    };
    await writeJson(folder, "summary.json", summary);
    const facts = await Promise.all([...read.files, inputs.file].map((path) => describeFile(path)));
    await folder.commit({
      run_id: await runIdOf(shown),
      data_id: facts[0].sha256.slice(0, 16),
      script,
      flags: shown,
      engines: [device],
      inputs: facts,
    });
    if (flags.json) printOutput(JSON.stringify(summary, null, 2));
    resultLine(
      `Mean Pearson r ${
        means.mean_pearson.toFixed(4)
      }, training rows of the adapter included; in ${folder.path}`,
    );
  } finally {
    await folder.close();
  }
}

async function fittingAdapter(flags: AdapterFlags, { genes, path }: Targets): Promise<Adapter> {
  const adapter = await readAdapter(flags.adapter);
  warnOfOtherBase(flags.adapter, adapter.config, flags.model);
  const outputs = adapter.head.get("out_proj.bias")!.data.length;
  if (outputs === genes.length) return adapter;
  throw new DataError(
    `Cannot use the adapter "${flags.adapter}": it predicts ${outputs} genes, "${path}" has ${genes.length} ` +
      `(the targets that it was trained on are needed)`,
  );
}

async function predictAll(flags: AdapterFlags, { tokenIds, model }: Ia3Inputs, adapter: Adapter) {
  const opened = await openDevice(flags), { backend, reason } = opened;
  try {
    const dtype = halfPrecision(flags.mixedPrecision, backend) ? "f16" : "f32";
    const encoder = await model.load(backend, dtype);
    const regressor = Ia3Regressor.fromAdapter(encoder, adapter);
    const rows = tokenIds.map((_, row) => row);
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
    return { predictions, device: backend.name, reason };
  } finally {
    await backend.close();
  }
}

async function writeFiles(
  folder: ResultFolder,
  flags: AdapterFlags,
  { perturbations, genes, values: truth }: Targets,
  predictions: Matrix,
): Promise<Record<string, number>> {
  const metrics = perturbationMetrics(truth, predictions);
  await writeFrames(folder, `predictions_${folder.modelName}`, {
    perturbations,
    genes,
    indexName: "",
    values: predictions,
    format: flags.predictionsFormat,
  });
  const header = ["", ...rawAndCenteredColumns.map(([name]) => name)];
  const rows = perturbations.map((
    id,
    i,
  ) => [id, ...rawAndCenteredColumns.map(([, metric]) => metrics[metric][i])]);
  await writeFileAtomic(folder.staged("metrics_per_perturbation.csv"), encodeCsv(header, rows));
  const name = `pred_vs_gt.${flags.plotFormat}`;
  await writePredictionPlot(folder.staged(name), {
    model: folder.modelName,
    heading: "Pred vs GT",
    truth,
    prediction: predictions,
    format: flags.plotFormat,
    limits: plotLimits(flags.plotLimits),
  });
  return Object.fromEntries(
    rawAndCenteredColumns.map(([name, metric]) => [`mean_${name}`, meanMetric(metrics, metric)]),
  );
}
