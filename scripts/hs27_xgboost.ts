#!/usr/bin/env -S deno run -P
/**
 * Boosted trees from a TF's HyenaDNA embedding to the expression of each gene: one XGBoost regressor a gene.
 *
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --n-jobs -1 --progress
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --n-top-genes 40
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --resume              # after a stop
 *   deno run -P scripts/hs27_xgboost.ts --data-dir my-data --genes 0:2456        # and 2456: on another machine
 */
import { join } from "@std/path";
import { askedEngine, askedThreads, openTreeEngine } from "../lib/boosting/open_engine.ts";
import { areDefaults, parametersForSummary, parametersOf } from "../lib/boosting/parameter_flags.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, log } from "../lib/cli/log.ts";
import { foldProgress } from "../lib/cli/progress.ts";
import { runScript } from "../lib/cli/script.ts";
import { dataDirFlags, dataDirFolder } from "../lib/dataset/data_folder.ts";
import { alignById, readHyenaEmbeddings } from "../lib/dataset/embeddings.ts";
import { crossValidationSplits } from "../lib/dataset/splits.ts";
import { readTargets, symbolsById, takeGenes, takePerturbations } from "../lib/dataset/targets.ts";
import { chooseGenes } from "../lib/dataset/top_genes.ts";
import { openResultFolder, writeSummary } from "../lib/evaluation/result_folder.ts";
import { takeRows } from "../lib/linalg/matrix.ts";
import { writeNetworkResults } from "../lib/models/network_results.ts";
import { writeSavedModel } from "../lib/models/saved_model.ts";
import { collectTreeFolds, runTreeFolds, trainedTreeFolds } from "../lib/models/tree_cross_validation.ts";
import {
  askedFolds,
  askedGenes,
  treeExperimentFlags,
  treeIdentity,
  writeImportance,
} from "../lib/models/tree_experiment.ts";
import { TreeParts } from "../lib/models/tree_parts.ts";

const script = "scripts/hs27_xgboost.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      ...dataDirFlags,
      "hyena-dir": {
        default: null,
        type: "text",
        value: "DIR",
        group: "Data",
        shownDefault: "HyenaDNA_outputs of the data folder",
        help: "folder of hyenadna_tf_embeddings_mean.npy and hyenadna_tf_gene_index.txt",
      },
      "model-name": {
        default: "xgboost_hyena",
        value: "NAME",
        group: "Output",
        help: "name of the result folder",
      },
      ...treeExperimentFlags,
    },
    {
      script,
      about: "Boosted trees from a TF's HyenaDNA embedding to the expression of each gene.",
      examples: [
        "--data-dir my-data --n-jobs -1 --progress",
        "--data-dir my-data --n-top-genes 40 --save-model",
        "--data-dir my-data --genes 0:2456",
      ],
    },
    args,
  );
  const startMs = performance.now();
  const parameters = parametersOf(flags, flags.seed);
  askedThreads(flags.nJobs); // refused before any file is read or written

  const files = await dataDirFolder(flags.dataDir, [flags.hyenaDir], flags.outputDir);
  const folder = await openResultFolder(files.results, flags.modelName);
  const allTargets = await readTargets(files.targets);
  const embeddings = await readHyenaEmbeddings(flags.hyenaDir ?? files.hyenaFolder, { allowMissing: true });
  const { ids, targetRows, embeddingRows, unmatched } = alignById(allTargets, embeddings);
  if (unmatched.length > 0) {
    log.warn(`Left out ${counted(unmatched.length, "perturbation")} without an embedding.`);
  }
  const aligned = takePerturbations(allTargets, targetRows);
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
  const judged = flags.strict ? aligned.values : allTargets.values;
  const choice = chooseGenes(judged, flags.nTopGenes, splits.folds, flags.strict);
  const { genes, values: y } = takeGenes(aligned, choice.columns);
  const x = takeRows(embeddings.values, embeddingRows);
  const data = { x, y, ids, genes, folds: splits.folds, choice, strict: flags.strict };
  log.info(`Data shape: ${ids.length} TFs × ${x.columns} dims -> ${genes.length} genes`);
  const missing = x.data.reduce((count, value) => Number.isNaN(value) ? count + 1 : count, 0);
  if (missing > 0) {
    log.warn(
      `${counted(missing, "embedding value")} missing: trees learn on which side of a split they belong.`,
    );
  }
  const run = {
    folds: askedFolds(flags.folds, splits.folds.length),
    genes: askedGenes(flags.genes, genes.length),
    parameters,
    wanted: { models: flags.saveModel, importance: flags.importance },
    modelFolder: join(folder.path, "model", "xgboost"),
  };
  const isPart = flags.folds.length > 0 || flags.genes !== null;
  const parts = await TreeParts.open(folder.path, await treeIdentity(data, flags), { ...flags, isPart });
  if (parts === null) return;

  const engine = await openTreeEngine(askedEngine(flags), flags.nJobs);
  const cores = navigator.hardwareConcurrency;
  const hint = flags.nJobs === 1 && cores > 1 ? ` (--n-jobs -1 takes all ${cores} cores)` : "";
  log.info(`Engine: ${engine.description}${hint}`);
  try {
    await runTreeFolds(engine, data, run, parts, foldProgress(flags.progress, run.folds.length));
  } finally {
    await engine.close();
  }

  if (await parts.unlessMerged(() => parts.lookAgain()) === null) return;
  const all = { from: 0, to: genes.length };
  const unfinished = splits.folds.map((_, fold) => fold).filter((fold) =>
    parts.missing(fold, all).length > 0
  );
  if (unfinished.length > 0) {
    if (await parts.result.cameMeanwhile()) return;
    log.info(
      `This part is done. Folds ${
        unfinished.join(", ")
      } still miss genes: the run that fits the last of them, ` +
        `into the same output folder, writes the result.`,
    );
    return;
  }
  const results = await parts.unlessMerged(() => collectTreeFolds(data, parts));
  if (results === null) return;
  const predicted = { ids, genes, truth: y, heldOut: results.heldOut, training: null, folds: splits.folds };
  const means = await writeNetworkResults(folder, predicted, {
    predictions: folder.modelName,
    model: folder.modelName,
    pearsonOf: "drawn",
    plotFormat: flags.plotFormat,
  });
  if (flags.importance && results.importance) {
    await writeImportance(folder, flags.importance, genes, results.importance);
  }
  if (flags.saveModel) {
    const saved = { kind: "xgboost" as const, genes, script, flags: { ...flags, given: undefined } };
    const input = { kind: "embedding" as const, model: "hyenadna" as const, width: x.columns };
    const aliases = symbolsById(aligned);
    const models = () => trainedTreeFolds(data, parts, parameters.rounds);
    await parts.unlessMerged(() => writeSavedModel(folder.path, { ...saved, input, aliases }, models()));
    log.info(`Saved the models of all folds to ${join(folder.path, "model")}`);
  }
  await writeSummary(folder, {
    model_name: folder.modelName,
    model_type: `XGBoost (${areDefaults(parameters) ? "default" : "changed"} params)`,
    cv_method: splits.method,
    cv_splits_file: splits.file,
    n_tfs: ids.length,
    n_genes: genes.length,
    embedding_dim: x.columns,
    ...means,
    multioutput_n_jobs: flags.nJobs,
    engine: engine.name,
    xgboost_params: parametersForSummary(parameters),
    missing_embedding_values: missing,
    seed: flags.seed,
    strict: flags.strict,
    run_id: parts.result.runId,
    timings_seconds: {
      training: results.trainingSeconds,
      total: (performance.now() - startMs) / 1000,
    },
  });
  await parts.remove();
}

if (import.meta.main) await runScript(main, import.meta);
