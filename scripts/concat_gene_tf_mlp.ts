#!/usr/bin/env -S deno run -P
/**
 * One MLP on [TF embedding ; gene embedding] for every single cell of Y.
 *
 *   deno run -P scripts/concat_gene_tf_mlp.ts --data-dir my-data --progress
 *   deno run -P=blas scripts/concat_gene_tf_mlp.ts --data-dir my-data --n-top-genes 500
 *   deno run -P scripts/concat_gene_tf_mlp.ts --data-dir my-data --resume      # after a stop
 */
import { join } from "@std/path";
import { deviceFlags, openDevice, printProfile } from "../lib/backend/device_flags.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, log } from "../lib/cli/log.ts";
import { foldProgress } from "../lib/cli/progress.ts";
import { runScript } from "../lib/cli/script.ts";
import { dataDirFlags, dataDirFolder } from "../lib/dataset/data_folder.ts";
import { alignById, readNtEmbeddings } from "../lib/dataset/embeddings.ts";
import {
  crossValidationFlags,
  foldCountFlags,
  outputDirFlags,
  outputFlags,
  topGenesFlags,
} from "../lib/dataset/run_flags.ts";
import { crossValidationSplits } from "../lib/dataset/splits.ts";
import { readTargets, symbolsById, takeGenes, takePerturbations } from "../lib/dataset/targets.ts";
import { chooseGenes } from "../lib/dataset/top_genes.ts";
import { openResultFolder, writeSummary } from "../lib/evaluation/result_folder.ts";
import { takeRows } from "../lib/linalg/matrix.ts";
import { collectPairFolds, type PairData, runPairFolds } from "../lib/models/concat_mlp_cross_validation.ts";
import { fingerprint } from "../lib/models/fingerprint.ts";
import { FoldStore, foldStoreFlags } from "../lib/models/fold_store.ts";
import { geneRows } from "../lib/models/gene_rows.ts";
import { halfPrecision } from "../lib/models/half_precision.ts";
import { mlpFlags } from "../lib/models/mlp_cross_validation.ts";
import { networkIdentity, networkParameters, trainingSummary } from "../lib/models/network_settings.ts";
import { writeNetworkResults } from "../lib/models/network_results.ts";
import { writeSavedModel } from "../lib/models/saved_model.ts";

const script = "scripts/concat_gene_tf_mlp.ts";
const modelName = "concat_mlp";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      ...dataDirFlags,
      "ntv2-dir": {
        default: null,
        type: "text",
        value: "DIR",
        group: "Data",
        shownDefault: "NT-v2-50M of the data folder",
        help: "folder of NTv2_50m_{tf,gene}_embeddings.npy and their ids",
      },
      "targets-path": {
        default: null,
        type: "text",
        value: "FILE",
        group: "Data",
        shownDefault: "targets_377.csv of the data folder",
        help: "expression changes, a row a TF named by gene_id",
      },
      ...topGenesFlags,
      ...mlpFlags,
      "hidden-dims": { ...mlpFlags["hidden-dims"], default: [512, 256, 128] },
      "learning-rate": { ...mlpFlags["learning-rate"], default: 1e-4, help: "of Adam" },
      "weight-decay": { ...mlpFlags["weight-decay"], help: "L2 weight decay, added to the gradient" },
      "batch-size": { ...mlpFlags["batch-size"], default: 4096, help: "(TF, gene) pairs a step" },
      "epochs": { ...mlpFlags["epochs"], default: 100, help: "passes over all pairs, at most" },
      "patience": {
        ...mlpFlags["patience"],
        help:
          "epochs without a lower error on the held-out fold (--strict: on a fifth of the training rows) before " +
          "training stops",
      },
      "mixed-precision": { ...mlpFlags["mixed-precision"], default: true },
      ...crossValidationFlags,
      ...foldCountFlags,
      ...foldStoreFlags,
      ...deviceFlags,
      ...outputDirFlags,
      ...outputFlags,
    },
    {
      script,
      about: "One MLP on [TF embedding ; gene embedding] for every single cell of Y.",
      examples: ["--data-dir my-data --progress", "--data-dir my-data --n-top-genes 500"],
    },
    args,
  );
  const startMs = performance.now();

  const data = await dataDirFolder(flags.dataDir, [flags.ntv2Dir, flags.targetsPath], flags.outputDir);
  const folder = await openResultFolder(data.results, modelName);
  const allTargets = await readTargets(flags.targetsPath ?? data.targets);
  const tfEmbeddings = await readNtEmbeddings(flags.ntv2Dir ?? data.ntFolder, "tf");
  const geneEmbeddings = await readNtEmbeddings(flags.ntv2Dir ?? data.ntFolder, "gene");
  const alignment = alignById(allTargets, tfEmbeddings, { order: "targets" });
  const { ids, unmatched } = alignment;
  if (unmatched.length > 0) {
    log.warn(`Left out ${counted(unmatched.length, "perturbation")} without an embedding.`);
  }
  const embedded = geneRows(allTargets, geneEmbeddings);
  const aligned = takeGenes(takePerturbations(allTargets, alignment.targetRows), embedded.targetColumns);

  const splits = await crossValidationSplits({
    ids,
    aliases: aligned.symbols?.map((symbol) => [symbol]),
    folds: flags.nFolds,
    seed: flags.seed,
    file: flags.cvSplitsFile ??
      join(folder.path, `cv_splits_${flags.nFolds}fold_${flags.seed}_${ids.length}.pkl`),
    rule: "n_splits",
  });
  // As the Python did, rows without an embedding have a say in the choice of genes; not so under --strict.
  const judged = flags.strict ? aligned : takeGenes(allTargets, embedded.targetColumns);
  const choice = chooseGenes(judged.values, flags.nTopGenes, splits.folds, flags.strict);
  const targets = takeGenes(aligned, choice.columns);
  const pairs: PairData = {
    tfs: takeRows(tfEmbeddings.values, alignment.embeddingRows),
    genes: takeRows(geneEmbeddings.values, choice.columns.map((column) => embedded.embeddingRows[column])),
    y: targets.values,
    ids,
    folds: splits.folds,
    genesByFold: choice.byFold,
    seed: flags.seed,
    strict: flags.strict,
  };
  log.info(`Data: ${counted(ids.length, "TF")} x ${counted(targets.genes.length, "gene")}.`);
  log.info(`MLP: ${[pairs.tfs.columns + pairs.genes.columns, ...flags.hiddenDims, 1].join(" -> ")}.`);
  const loadedMs = performance.now();

  const opened = await openDevice(flags);
  const { backend, reason } = opened;
  try {
    const asked = flags.given.has("mixed-precision");
    const settings = { ...flags, mixedPrecision: halfPrecision(flags.mixedPrecision, asked, backend) };
    const store = await FoldStore.open(folder.path, {
      ...flags,
      count: splits.folds.length,
      device: backend.name,
      identity: {
        ...networkIdentity(flags, settings.mixedPrecision),
        perturbations: await fingerprint(ids),
        genes: await fingerprint(targets.genes),
        targets: await fingerprint(pairs.y.data),
        "TF embeddings": await fingerprint(pairs.tfs.data),
        "gene embeddings": await fingerprint(pairs.genes.data),
        folds: await fingerprint(pairs.folds.map(({ test }) => test.join(" "))),
      },
    });
    if (store.isFinished) return;
    await runPairFolds(backend, pairs, settings, store, foldProgress(flags.progress, store.toRun.length));
    await printProfile(opened);
    if (!await store.isComplete()) return;

    const results = await collectPairFolds(pairs, settings, store);
    const means = await writeNetworkResults(folder, {
      ids,
      genes: targets.genes,
      truth: pairs.y,
      heldOut: results.heldOut,
      training: null,
      folds: pairs.folds,
    }, {
      predictions: "concat_mlp_cv",
      model: "Concat MLP",
      pearsonOf: "all",
      plotFormat: flags.plotFormat,
    });
    if (flags.saveModel) {
      await writeSavedModel(folder.path, {
        kind: "concat_mlp",
        genes: targets.genes,
        input: { kind: "embedding", model: "ntv2", width: pairs.tfs.columns },
        script,
        flags: { ...flags, given: undefined },
        aliases: symbolsById(aligned),
      }, results.models);
      log.info(`Saved the models of all folds to ${join(folder.path, "model")}`);
    }
    await writeSummary(folder, {
      model_name: "concat_mlp_cv",
      model_type: "Concat Gene-TF MLP",
      cv_method: splits.method,
      cv_splits_file: splits.file,
      n_tfs: ids.length,
      n_genes: targets.genes.length,
      embedding_dim: pairs.tfs.columns,
      ...means,
      ...networkParameters(flags, settings.mixedPrecision),
      training: trainingSummary(results.histories, results.skippedSteps),
      device: store.tellDevices(),
      device_reason: reason,
      run_id: store.runId,
      timings_seconds: {
        load_data: (loadedMs - startMs) / 1000,
        training: results.trainingSeconds,
        total: (performance.now() - startMs) / 1000,
      },
    });
    await store.remove();
  } finally {
    await backend.close();
  }
}

if (import.meta.main) await runScript(main, import.meta);
