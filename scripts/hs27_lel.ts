#!/usr/bin/env -S deno run -P
/**
 * Linear expression model (LEL) of TF responses, gene embeddings from PCA: Y ~ G W P^T.
 *
 *   deno run -P scripts/hs27_lel.ts                                  (demo data)
 *   deno run -P scripts/hs27_lel.ts --data-dir my-data --progress
 *   deno run -P scripts/hs27_lel.ts --targets my_screen.csv
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { log } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { experimentFlags } from "../lib/experiment/flags.ts";
import {
  linearFlags,
  linearLayout,
  prepareLinear,
  readLinearTargets,
} from "../lib/experiment/linear_inputs.ts";
import { runExperiment } from "../lib/experiment/run_experiment.ts";
import { matchIds, reportMatches } from "../lib/dataset/matching.ts";
import { tuningFlags, tuningGrid } from "../lib/tuning/flags.ts";
import { linearPcaModel } from "../lib/models/linear_pca.ts";

const script = "scripts/hs27_lel.ts";
const declarations = {
  "model-name": { default: "linear_pca", value: "NAME", group: "Model", help: "name of the result folder" },
  "k-components": { default: 10, min: 1, group: "Model", help: "PCA components of a gene embedding" },
  "lambda-ridge": { default: 0.1, min: 0, group: "Model", help: "ridge penalty, on both sides" },
  ...tuningFlags,
  "components-grid": {
    default: [2, 5, 10, 20, 50],
    min: 1,
    group: "Tuning",
    help: "numbers of components that --tune tries",
  },
  ...linearFlags,
  ...experimentFlags,
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Linear model of TF responses with gene embeddings from PCA, cross-validated.",
    examples: ["--data-dir my-data --progress", "--targets my_screen.csv --k-components 20 --strict"],
  }, args);
  const { kComponents: components, lambdaRidge: lambda } = flags;
  const grid = tuningGrid(flags, {
    components: { flag: "k-components", value: components, grid: flags.componentsGrid },
    lambda: { flag: "lambda-ridge", value: lambda, grid: flags.lambdaGrid },
  });

  await runExperiment({
    script,
    flags,
    modelName: flags.modelName,
    modelType: "PCA-based linear model",
    layout: linearLayout(flags.modelName, "", "linear"),
    async read(folder) {
      const read = await readLinearTargets(flags), { targets, otherNames, files } = read;
      const { perturbations, genes, path } = targets;
      const wanted = { ids: perturbations, what: "perturbation", path, otherNames };
      const known = { ids: genes, path: `the read-out genes of ${path}` };
      const own = matchIds(wanted, known);
      reportMatches(
        own,
        wanted,
        known,
        "the mean baseline predicts them, since they are no read-out genes themselves",
      );
      const rows = perturbations.map((_, row) => row);
      const prepared = await prepareLinear(read, { flags, folder, rows });
      const settings = grid
        ? `the best of ${grid.length} settings`
        : `${components} components, ridge ${lambda}`;
      log.info(`Linear model with ${settings}, ${prepared.folds.length} folds.`);
      return {
        ...prepared,
        inputs: otherNames,
        modelInput: { kind: "gene_id" },
        identity: {},
        files,
        facts: { unmapped_perturbations: own.unmatched.length },
      };
    },
    model: (data) =>
      linearPcaModel(data, {
        settings: { components, lambda },
        grid,
        innerFolds: flags.innerFolds,
        otherNames: data.inputs,
        asked: flags.folds,
      }),
  });
}

if (import.meta.main) await runScript(main, import.meta);
