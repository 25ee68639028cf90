#!/usr/bin/env -S deno run -P
/**
 * Linear model of TF responses, gene embeddings from PCA: Y ~ G W P^T.
 *
 *   deno run -P scripts/hs27_lel.ts                                  (demo data)
 *   deno run -P scripts/hs27_lel.ts --repo-root my-data --progress
 */
import { join } from "@std/path";
import { parseFlags } from "../lib/cli/flags.ts";
import { log } from "../lib/cli/log.ts";
import { foldProgress } from "../lib/cli/progress.ts";
import { runScript } from "../lib/cli/script.ts";
import { linearFlags, ownGenes, readLinearInputs, warnOfUnmapped } from "../lib/dataset/linear_inputs.ts";
import { crossValidationSplits } from "../lib/dataset/splits.ts";
import { takeGenes } from "../lib/dataset/targets.ts";
import { chooseGenes } from "../lib/dataset/top_genes.ts";
import { TrainingTargets } from "../lib/dataset/training_targets.ts";
import { crossValidate } from "../lib/evaluation/cross_validation.ts";
import { writeLinearResults } from "../lib/evaluation/linear_results.ts";
import { PngRenderer } from "../lib/evaluation/png_renderer.ts";
import { openResultFolder } from "../lib/evaluation/result_folder.ts";
import { aliasesOf, trainedFold } from "../lib/models/lel.ts";
import { PcaRidge } from "../lib/models/lel_pca.ts";
import { type TrainedFold, writeSavedModel } from "../lib/models/saved_model.ts";

const script = "scripts/hs27_lel.ts";
const declarations = {
  "model-name": { default: "linear_pca", value: "NAME", group: "Model", help: "name of the result folder" },
  "k-components": { default: 10, min: 1, group: "Model", help: "PCA components of a gene embedding" },
  "lambda-ridge": { default: 0.1, min: 0, group: "Model", help: "ridge penalty, on both sides" },
  ...linearFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const startMs = performance.now();
  const flags = parseFlags(declarations, {
    script,
    about: "Linear model of TF responses with gene embeddings from PCA, cross-validated in five folds.",
    examples: ["--repo-root my-data --progress", "--repo-root my-data --k-components 20 --strict"],
  }, args);
  using renderer = flags.plotFormat === "png" ? new PngRenderer() : null;

  const { folder: data, targets: loaded, tfSequences } = await readLinearInputs(flags);
  const loadMs = performance.now() - startMs;
  const { perturbations } = loaded;
  const unmapped = warnOfUnmapped(perturbations, ownGenes(perturbations, loaded.genes, tfSequences));

  const folder = await openResultFolder(data.results, flags.modelName);
  const file = flags.cvSplitsFile ?? join(folder.path, `cv_splits_5fold_${flags.seed}.pkl`);
  const splits = await crossValidationSplits({
    ids: perturbations,
    aliases: perturbations.map((id) => tfSequences?.otherNames(id) ?? []),
    folds: 5,
    seed: flags.seed,
    file,
    rule: "method",
  });
  const choice = chooseGenes(loaded.values, flags.nTopGenes, splits.folds, flags.strict);
  const targets = takeGenes(loaded, choice.columns);
  const training = new TrainingTargets(targets.values, choice, splits.folds, flags.strict);

  const { kComponents: components, lambdaRidge: lambda } = flags;
  log.info(`Running 5-fold CV with linear model (K=${components}, λ=${lambda})...`);
  const trainingStartMs = performance.now();
  const modelOf = training.prepared(({ values, genes }) => {
    const columns = genes ? genes.map((column) => targets.genes[column]) : targets.genes;
    return new PcaRidge(values, ownGenes(perturbations, columns, tfSequences), { components, lambda });
  });
  const saved: TrainedFold[] = [];
  const predictions = await crossValidate(
    splits.folds,
    { rows: perturbations.length, genes: targets.genes.length },
    (fold, index) => {
      const fitted = modelOf(index).fit(fold);
      if (fitted.mappedTrainingRows < 2) {
        log.warn(`[fold ${index}] Too few valid train perturbations, using mean baseline.`);
      }
      if (flags.saveModel) saved.push(trainedFold(index, fold, fitted, targets, training));
      return { ...fitted, genes: training.genesOf(index) };
    },
    foldProgress(flags.progress, splits.folds.length),
  );
  const trainingMs = performance.now() - trainingStartMs;

  if (flags.saveModel) {
    const { given: _, ...values } = flags;
    await writeSavedModel(
      folder.path,
      {
        kind: "linear_pca",
        genes: targets.genes,
        input: { kind: "gene_id" },
        script,
        flags: values,
        aliases: aliasesOf(perturbations, tfSequences),
      },
      saved,
    );
  }
  await writeLinearResults({
    folder,
    targets,
    training,
    splits,
    predictions,
    flags,
    renderer,
    fileStem: "linear",
    indexName: "",
    summary: {
      head: {
        model_name: flags.modelName,
        model_type: "PCA-based linear model",
        cv_method: splits.method,
        cv_splits_file: splits.file,
        P: perturbations.length,
        G: targets.genes.length,
        k_components: components,
        lambda_ridge: lambda,
      },
      tail: { unmapped_perturbations: unmapped },
    },
    timings: { startMs, loadMs, trainingMs },
  });
}

if (import.meta.main) await runScript(main, import.meta);
