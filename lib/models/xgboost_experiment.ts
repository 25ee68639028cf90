/** The experiment of scripts/hs27_xgboost.ts. */
import { importanceTypes } from "../boosting/importance.ts";
import { askedEngine, askedThreads, engineFlags, openTreeEngine } from "../boosting/open_engine.ts";
import { areDefaults, parameterFlags, parametersOf } from "../boosting/parameter_flags.ts";
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { counted, log } from "../cli/log.ts";
import { metricColumns } from "../evaluation/metrics_table.ts";
import { type hyenaEmbeddingFlags, readEmbeddingData } from "../experiment/embedding_experiment.ts";
import { experimentFlags, outputFlags } from "../experiment/flags.ts";
import type { GeneRange } from "../experiment/part.ts";
import { runExperiment } from "../experiment/run_experiment.ts";
import { xgboostModel } from "./xgboost.ts";

/** All flags but those that name inputs and the result. */
export const treeFlags = {
  ...parameterFlags,
  ...engineFlags,
  ...experimentFlags,
  "genes": {
    default: null,
    type: "text",
    value: "A:B",
    group: "Cross-validation",
    shownDefault: "all",
    help:
      "fit only the genes from the A-th on, counted from 0, up to but without the B-th; i/n is the i-th of n parts " +
      "of equal size, such as 1/8",
  },
  "save-model": {
    ...outputFlags["save-model"],
    words: ["json"],
    help:
      "also save the models, one file a fold, for scripts/predict.ts; with the word json also XGBoost's own JSON of every " +
      "gene and fold (about 0.2 MB each)",
  },
  "importance": {
    default: null,
    type: "text",
    choices: importanceTypes,
    group: "Output",
    help:
      "also write how much each embedding dimension matters to each gene: mean gain of its splits, their number " +
      "(weight), or the mean number of rows they divide (cover)",
  },
} as const satisfies FlagDeclarations;

type TreeFlags = Flags<typeof treeFlags> & Flags<typeof hyenaEmbeddingFlags> & { readonly modelName: string };

export async function runTreeExperiment(script: string, flags: TreeFlags): Promise<void> {
  const parameters = parametersOf(flags, flags.seed);
  const plain = { ...flags, saveModel: flags.saveModel !== false };
  const threads = askedThreads(flags.nJobs), engine = askedEngine(flags);
  await runExperiment({
    script,
    flags: plain,
    modelName: flags.modelName,
    modelType: `XGBoost (${areDefaults(parameters) ? "default" : "changed"} params)`,
    layout: {
      predictions: flags.modelName,
      plotLabel: flags.modelName,
      metricColumns,
      means: "flat",
      indexName: "",
    },
    range: (genes) => askedGenes(flags.genes, genes),
    read: (folder) => readEmbeddingData(plain, folder, "hyenadna", { allowMissing: true }),
    model(data) {
      let missing = 0;
      for (const value of data.inputs.data) if (Number.isNaN(value)) missing++;
      if (missing > 0) {
        log.warn(
          `${counted(missing, "embedding value")} missing: trees learn on which side of a split they belong.`,
        );
      }
      const model = xgboostModel(data, {
        x: data.inputs,
        parameters,
        wanted: { models: flags.saveModel !== false, importance: flags.importance },
        engine: {
          name: engine,
          async open() {
            const opened = await openTreeEngine(engine, flags.nJobs);
            log.info(`Engine: ${opened.description}`);
            return opened;
          },
        },
        savesJson: flags.saveModel === "json",
        identity: identityOf(flags),
      });
      return {
        ...model,
        summary: (...reports) => ({
          ...model.summary(...reports),
          multioutput_n_jobs: threads,
          missing_embedding_values: missing,
        }),
      };
    },
  });
}

/**
 * The genes that --genes A:B asks for, where either end may be left out, or --genes i/n.
 *
 * @throws {UsageError} when it is neither, or has no gene
 */
export function askedGenes(asked: string | null, count: number): GeneRange | null {
  if (asked === null) return null;
  if (/^\d+\/\d+$/.test(asked)) return askedShare(asked, count);
  const match = /^(\d*):(\d*)$/.exec(asked);
  const from = Number(match?.[1] || 0), to = Number(match?.[2] || count);
  if (!match || from >= to || to > count) {
    throw new UsageError(
      `Cannot use --genes "${asked}": it must be A:B with 0 <= A < B <= ${count}, the number of genes, or i/n such as 1/8`,
    );
  }
  return { from, to };
}

function askedShare(asked: string, count: number): GeneRange {
  const [index, parts] = asked.split("/").map(Number);
  if (!(index >= 1 && index <= parts && parts <= count)) {
    throw new UsageError(
      `Cannot use --genes "${asked}": it must be i/n with i from 1 to n, and n at most ${count}, the number of genes`,
    );
  }
  return { from: Math.floor(count * (index - 1) / parts), to: Math.floor(count * index / parts) };
}

function identityOf(flags: TreeFlags): Record<string, unknown> {
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const trees = Object.keys(parameterFlags).map((
    name,
  ) => [`--${name}`, flags[camel(name) as keyof TreeFlags]]);
  return {
    ...Object.fromEntries(trees),
    "--engine": askedEngine(flags),
    "--importance": flags.importance,
    "--save-model": flags.saveModel,
  };
}
