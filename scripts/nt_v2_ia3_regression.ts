#!/usr/bin/env -S deno run -P=hub
/**
 * Nucleotide Transformer v2, fine-tuned with IA3: from a TF's promoter DNA to the expression of all genes.
 *
 *   deno run -P=hub scripts/nt_v2_ia3_regression.ts --data-dir my-data --progress
 *   deno run -P=hub scripts/nt_v2_ia3_regression.ts --data-dir my-data --resume            # go on after a stop
 *   deno run -P scripts/nt_v2_ia3_regression.ts --data-dir my-data --model nt-v2-50m       # model in a folder
 *   deno run -P scripts/nt_v2_ia3_regression.ts --targets my_screen.csv --sequences promoters.fa --model nt-v2-50m
 *   deno run -P scripts/nt_v2_ia3_regression.ts --data-dir my-data --model nt-v2-50m --adapter results/nt_ia3/adapters/fold_0
 *   deno run -P scripts/nt_v2_ia3_regression.ts --model nt-v2-50m --adapter my-adapter --merge-to merged-model
 */
import { UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { log, resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { predictWithAdapter } from "../lib/models/nucleotide_transformer/ia3/adapter_run.ts";
import { ia3ExperimentFlags, runIa3Experiment } from "../lib/models/nucleotide_transformer/ia3/experiment.ts";
import { writeMergedModel } from "../lib/models/nucleotide_transformer/ia3/merge.ts";
import { openModelSource } from "../lib/models/model_source.ts";
import { readAdapter, warnOfOtherBase } from "../lib/models/peft_adapter.ts";

const script = "scripts/nt_v2_ia3_regression.ts";
const declarations = {
  ...ia3ExperimentFlags,
  "adapter": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Model",
    help: "predict with this PEFT adapter instead of training (with --merge-to: only merge it)",
  },
  "model-name": {
    default: null,
    type: "text",
    value: "NAME",
    group: "Output",
    shownDefault: "nt_ia3; with --adapter nt_ia3_adapter",
    help: "name of the result folder",
  },
} as const;

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script,
    about: "Nucleotide Transformer v2, fine-tuned with IA3 to predict expression from promoter DNA.",
    examples: ["--data-dir my-data --progress", "--data-dir my-data --resume --folds 2"],
  }, args);

  if (flags.adapter !== null && flags.mergeTo !== null) {
    const source = await openModelSource(flags.model, { warn: log.warn });
    const adapter = await readAdapter(flags.adapter);
    warnOfOtherBase(flags.adapter, adapter.config, flags.model);
    await writeMergedModel(flags.mergeTo, source, adapter);
    return resultLine(`Saved the merged model to ${flags.mergeTo}`);
  }
  // Predictions of one adapter, its training rows among them, must not take the place of cross-validated ones.
  const modelName = flags.modelName ?? (flags.adapter === null ? "nt_ia3" : "nt_ia3_adapter");
  if (flags.adapter !== null && flags.groupBy !== null) {
    throw new UsageError(
      "Cannot use --group-by with --adapter: one adapter predicts all perturbations, without folds",
    );
  }
  if (flags.adapter === null) await runIa3Experiment(script, flags, modelName);
  else await predictWithAdapter(script, { ...flags, adapter: flags.adapter }, modelName);
}

if (import.meta.main) await runScript(main, import.meta, { permissionSet: "hub" });
