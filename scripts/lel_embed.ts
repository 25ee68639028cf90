#!/usr/bin/env -S deno run -P
/**
 * Linear model of TF responses, Nucleotide Transformer embeddings on both sides: Y ~ G W P^T.
 *
 *   deno run -P scripts/lel_embed.ts                                  (demo data)
 *   deno run -P scripts/lel_embed.ts --repo-root my-data --ntv2-dir my-data/NT-v2-50M
 */
import { join, resolve } from "@std/path";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, log, warnWithExamples } from "../lib/cli/log.ts";
import { foldProgress } from "../lib/cli/progress.ts";
import { runScript } from "../lib/cli/script.ts";
import { resolveFolder } from "../lib/dataset/data_folder.ts";
import { readNtEmbeddings } from "../lib/dataset/embeddings.ts";
import { linearFlags, readLinearInputs } from "../lib/dataset/linear_inputs.ts";
import { geneRows, tfRows } from "../lib/dataset/nt_rows.ts";
import { crossValidationSplits } from "../lib/dataset/splits.ts";
import { takeGenes, takePerturbations } from "../lib/dataset/targets.ts";
import { chooseGenes } from "../lib/dataset/top_genes.ts";
import { TrainingTargets } from "../lib/dataset/training_targets.ts";
import { crossValidate } from "../lib/evaluation/cross_validation.ts";
import { writeLinearResults } from "../lib/evaluation/linear_results.ts";
import { PngRenderer } from "../lib/evaluation/png_renderer.ts";
import { openResultFolder } from "../lib/evaluation/result_folder.ts";
import { takeRows } from "../lib/linalg/matrix.ts";
import { aliasesOf, trainedFold } from "../lib/models/lel.ts";
import { EmbeddingRidge } from "../lib/models/lel_embed.ts";
import { type TrainedFold, writeSavedModel } from "../lib/models/saved_model.ts";

const script = "scripts/lel_embed.ts";
const declarations = {
  "model-name": {
    default: "linear_nt_embed",
    value: "NAME",
    group: "Model",
    help: "name of the result folder",
  },
  "lambda-ridge": { default: 0.1, min: 0, group: "Model", help: "ridge penalty, on both sides" },
  ...linearFlags,
  "ntv2-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Data",
    shownDefault: "NT-v2-50M",
    help:
      "folder of NTv2_50m_{tf,gene}_embeddings.npy and _ids.npy; also looked for under the repo root and its parent",
  },
} as const;

export async function main(args: string[]): Promise<void> {
  const startMs = performance.now();
  const flags = parseFlags(declarations, {
    script,
    about: "Linear model of TF responses with NT embeddings of genes and TFs, cross-validated in five folds.",
    examples: ["--repo-root my-data --ntv2-dir my-data/NT-v2-50M", "--repo-root my-data --lambda-ridge 10"],
  }, args);
  using renderer = flags.plotFormat === "png" ? new PngRenderer() : null;

  const inputs = await readLinearInputs(flags, [flags.ntv2Dir], true);
  const { folder: data, targets: all } = inputs;
  const ntFolder = await resolveFolder(flags.ntv2Dir ?? data.ntFolder, [data.root, resolve(data.root, "..")]);
  const [tfs, genes] = [await readNtEmbeddings(ntFolder, "tf"), await readNtEmbeddings(ntFolder, "gene")];
  log.info(
    `Loaded NT-v2 embeddings: ${tfs.ids.length} TFs × ${tfs.values.columns} dims, ` +
      `${genes.ids.length} genes × ${genes.values.columns} dims`,
  );
  const loadMs = performance.now() - startMs;

  const found = tfRows(all, tfs, inputs.tfSequences!);
  if (found.missing.length > 0) {
    warnWithExamples(
      `Dropping ${counted(found.missing.length, "perturbation")} without NT TF embeddings.`,
      found.missing,
    );
  }
  const loaded = takePerturbations(all, found.targetRows), { perturbations } = loaded;
  log.info(
    `After aligning TF embeddings: ${perturbations.length} perturbations × ${loaded.genes.length} genes.`,
  );
  const P = takeRows(tfs.values, found.embeddingRows);
  const G = takeRows(genes.values, geneRows(loaded.genes, genes));
  log.info(`Gene embedding shape: (${G.rows}, ${G.columns}), TF embedding shape: (${P.rows}, ${P.columns})`);

  const folder = await openResultFolder(data.results, flags.modelName);
  const file = flags.cvSplitsFile ?? join(folder.path, `cv_splits_5fold_${flags.seed}.pkl`);
  const splits = await crossValidationSplits({
    ids: perturbations,
    aliases: perturbations.map((id) => inputs.tfSequences!.otherNames(id)),
    folds: 5,
    seed: flags.seed,
    file,
    rule: "method",
  });
  const choice = chooseGenes(loaded.values, flags.nTopGenes, splits.folds, flags.strict);
  const targets = takeGenes(loaded, choice.columns), geneEmbeddings = takeRows(G, choice.columns);
  const training = new TrainingTargets(targets.values, choice, splits.folds, flags.strict);

  const lambda = flags.lambdaRidge;
  log.info(`Running 5-fold CV with NT-embedding linear model (λ=${lambda})...`);
  const trainingStartMs = performance.now();
  const modelOf = training.prepared(({ values, genes }) =>
    new EmbeddingRidge(values, genes ? takeRows(geneEmbeddings, genes) : geneEmbeddings, P, lambda)
  );
  const saved: TrainedFold[] = [];
  const predictions = await crossValidate(
    splits.folds,
    { rows: perturbations.length, genes: targets.genes.length },
    (fold, index) => {
      const fitted = modelOf(index).fit(fold);
      if (flags.saveModel) saved.push(trainedFold(index, fold, fitted, targets, training));
      return { ...fitted, genes: training.genesOf(index) };
    },
    foldProgress(flags.progress, splits.folds.length),
  );
  const trainingMs = performance.now() - trainingStartMs;

  if (flags.saveModel) {
    const { given: _, ...values } = flags,
      input = { kind: "embedding", model: "ntv2", width: P.columns } as const;
    await writeSavedModel(
      folder.path,
      {
        kind: "linear_nt_embed",
        genes: targets.genes,
        input,
        script,
        flags: values,
        aliases: aliasesOf(perturbations, inputs.tfSequences),
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
    fileStem: "linear_nt",
    indexName: targets.idColumn,
    summary: {
      head: {
        model_name: flags.modelName,
        model_type: "NT-embedding linear model",
        cv_method: splits.method,
        cv_splits_file: splits.file,
        P: perturbations.length,
        G: targets.genes.length,
        lambda_ridge: lambda,
      },
      tail: { dropped_perturbations: found.missing.length },
    },
    timings: { startMs, loadMs, trainingMs },
  });
}

if (import.meta.main) await runScript(main, import.meta);
