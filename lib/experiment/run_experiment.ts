/**
 * One experiment from its flags to its result folder, whatever the model: open the folder, read, align, split, fit every fold
 * that is not done, and, once all parts are there, evaluate, write, save.
 *
 *     await runExperiment({
 *       script, flags, layout,
 *       read: (folder) => readEmbeddingData(flags, folder),
 *       model: (data) => new Mlp(...),
 *     });
 */
import { onInterrupt } from "../cli/interrupt.ts";
import { log, printOutput } from "../cli/log.ts";
import { foldProgress } from "../cli/progress.ts";
import { resumeCommand } from "../cli/command_line.ts";
import { type ExpressedGenes, expressedGenes } from "../dataset/expressed_genes.ts";
import { groupFacts } from "../dataset/groups.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import { plotLimits } from "../evaluation/plot_limits.ts";
import { PngRenderer } from "../evaluation/png_renderer.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { collectParts } from "./collect.ts";
import { outputFlagsOf } from "./finished_run.ts";
import { fitFolds } from "./fit_folds.ts";
import type { ExperimentFlags } from "./flags.ts";
import { fingerprint, type Identity, runIdOf } from "./identity.ts";
import { describeFile, type FileFact } from "../io/file_fact.ts";
import { programVersion } from "./manifest.ts";
import type { Model } from "./model.ts";
import type { GeneRange, Part } from "./part.ts";
import { PartStore } from "./part_store.ts";
import type { Prepared } from "./prepare.ts";
import { ResultFolder } from "./result_folder.ts";
import { ResultPlots } from "./result_plots.ts";
import { type TrainedFold, writeSavedModel } from "./saved_model.ts";
import type { ModelInput } from "./saved_model_json.ts";
import { foldMeans, type ResultLayout, tellResult, writeJson, writeResult } from "./write_result.ts";

/** What a script has read, ready for its model. */
export interface Loaded<Inputs> extends Prepared {
  /** What the model reads beside the targets. */
  readonly inputs: Inputs;
  /** What a saved model reads for one perturbation. */
  readonly modelInput: ModelInput;
  /** Fingerprints of the inputs, by what messages call them. */
  readonly identity: Identity;
  /** The files that were read, that of the targets first. */
  readonly files: readonly string[];
  /** What the summary says of the inputs. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** An experiment: what is read, which model learns it, and what the result is called. */
export interface ExperimentSpec<Inputs> {
  /** Path of the script from the repository's root, or its `import.meta.url`. */
  readonly script: string;
  /** Name of the result folder. */
  readonly modelName: string;
  /** "PCA-based linear model": for summary.json. */
  readonly modelType: string;
  /** Values of the command line; all are kept in summary.json. */
  readonly flags: ExperimentFlags & Readonly<Record<string, unknown>>;
  /** Names and columns of the result files. */
  readonly layout: ResultLayout;
  /** Seconds between two checkpoints of a training; 60 without it. */
  readonly checkpointSeconds?: number;
  /** --genes, once the number of genes is known. */
  readonly range?: (genes: number) => GeneRange | null;
  /** Whether models are always saved, or only with --save-model. */
  readonly alwaysSaves?: boolean;
  /** Read and align what the model learns from. */
  read(folder: ResultFolder): Promise<Loaded<Inputs>>;
  /** The model, once the data are there. */
  model(data: Loaded<Inputs>): Model | Promise<Model>;
}

/**
 * Run an experiment from its flags to its result folder.
 *
 * @throws {UsageError | DataError} what went wrong, in one sentence
 */
export async function runExperiment<Inputs>(spec: ExperimentSpec<Inputs>): Promise<void> {
  const startMs = performance.now(), { flags } = spec;
  if (flags.json) log.toStandardError();
  plotLimits(flags.plotLimits); // a mistake is told before the work
  const folder = await ResultFolder.open(flags.outputDir, spec.modelName);
  using renderer = flags.plotFormat === "png" ? new PngRenderer() : null;
  let tell: (() => void) | null = null;
  try {
    const data = await spec.read(folder);
    const expressed = await expressedGenes(data.files[0], data.targets.genes);
    const beside = [data.splits.groups, expressed].flatMap((read) => read ? [read.path] : []);
    const files = [...data.files, ...beside];
    const inputs = Promise.all([...new Set(files)].map((path) => describeFile(path)));
    inputs.catch(() => {}); // awaited when the manifest is written
    const loadedMs = performance.now();
    const model = await spec.model(data);
    try {
      const plots = new ResultPlots({ data, label: spec.layout.plotLabel, flags, renderer });
      tell = await runFolds({ spec, folder, data, model, plots, expressed, inputs, startMs, loadedMs });
    } finally {
      await model.close?.();
    }
  } finally {
    await folder.close();
  }
  tell?.();
}

interface Running<Inputs> {
  readonly spec: ExperimentSpec<Inputs>;
  readonly folder: ResultFolder;
  readonly data: Loaded<Inputs>;
  readonly model: Model;
  readonly plots: ResultPlots;
  readonly expressed: ExpressedGenes | null;
  readonly inputs: Promise<FileFact[]>;
  readonly startMs: number;
  readonly loadedMs: number;
}

/** @returns what tells the result, as the last thing; null where this run ends without one */
async function runFolds<Inputs>(run: Running<Inputs>): Promise<(() => void) | null> {
  const { spec, folder, data, model } = run, { flags } = spec;
  const range = spec.range?.(data.targets.genes.length) ?? null;
  const savesModel = spec.alwaysSaves === true || flags.saveModel;
  const identity = await identityOf(run, savesModel);
  await folder.lock(await runIdOf(identity), flags.folds.length > 0 || range ? "shared" : "alone");
  const store = await PartStore.open(folder.path, {
    count: data.folds.length,
    genes: data.targets.genes.length,
    folds: flags.folds,
    range,
    resume: flags.resume,
    merge: flags.merge,
    checkpointSeconds: spec.checkpointSeconds ?? 60,
    engine: model.engine,
    identity,
    outputs: outputFlagsOf(flags),
    isQuick: model.isQuick,
    ...("blockSize" in model && { blockSize: model.blockSize }),
  });
  if (store.isFinished) return null;
  const release = onInterrupt(() => {
    const kept = store.tellKept();
    return kept === null ? null : { kept, resume: resumeCommand() };
  });
  try {
    await fitFolds(model, data, store, {
      progress: foldProgress(flags.progress, store.toRun.length),
      keepsModels: savesModel,
      afterFold: (fold) => run.plots.afterFold(fold, model, store),
    });
    if (await store.unlessMerged(() => store.isComplete()) !== true) return null;
    return await store.unlessMerged(() => finish(run, store, savesModel));
  } finally {
    release();
  }
}

/** Put all parts together into the result. */
async function finish<Inputs>(
  run: Running<Inputs>,
  store: PartStore,
  savesModel: boolean,
): Promise<() => void> {
  const { spec, folder, data, model } = run, { flags } = spec;
  const collected = await collectParts(data, store);
  const { evaluation, means } = await writeResult(folder, data, collected, spec.layout, flags, run);
  const file = (name: string) => folder.staged(name);
  if (data.splits.pickle) await writeFileAtomic(file(splitsName(folder, data)), data.splits.pickle);
  await model.writeMore?.(file, (fold) => store.read(fold));
  if (savesModel) await saveModel(run, store);

  const engines = store.engines(), inputs = await run.inputs;
  const { given: _, debug: __, ...shownFlags } = flags;
  const summary = {
    model_name: spec.layout.predictions,
    model_type: spec.modelType,
    cv_method: data.splits.method,
    cv_splits_file: data.splits.file,
    ...(data.splits.groups && { cv_groups: groupFacts(data.splits.groups, flags.groupFolds) }),
    ...data.facts,
    ...model.summary(collected.reports, foldMeans(evaluation, spec.layout)),
    ...means,
    bootstrap: flags.bootstrap,
    evaluation: evaluation.block,
    missing_values_filled: data.training.missing,
    seed: flags.seed,
    strict: flags.strict,
    device: [...new Set(engines.map((engine) => engine.split(" ")[0]))].join(", "),
    engines,
    run_id: store.runId,
    provenance: {
      script: spec.script,
      program: programVersion,
      deno: Deno.version.deno,
      date: new Date().toISOString(),
      flags: shownFlags,
      inputs,
    },
    timings_seconds: {
      [spec.layout.linearStem ? "load_artifacts" : "load_data"]: (run.loadedMs - run.startMs) / 1000,
      training: collected.trainingSeconds,
      total: (performance.now() - run.startMs) / 1000,
    },
  };
  await writeJson(folder, "summary.json", summary);
  await folder.commit({
    run_id: store.runId,
    data_id: inputs[0].sha256.slice(0, 16),
    script: spec.script,
    flags: shownFlags,
    engines,
    inputs,
  });
  await store.remove();
  return () => {
    if (flags.json) printOutput(JSON.stringify(summary, null, 2));
    tellResult(evaluation, folder.path);
  };
}

async function saveModel<Inputs>(
  { spec, folder, data, model }: Running<Inputs>,
  store: PartStore,
): Promise<void> {
  const { targets, folds } = data, { given: _, debug: __, ...flags } = spec.flags;
  const trained = async function* (): AsyncGenerator<TrainedFold> {
    for (const [fold, { train, test }] of folds.entries()) {
      const parts: Part[] = await Array.fromAsync(store.read(fold));
      yield {
        fold,
        test: Array.from(test, (row) => targets.perturbations[row]),
        baseline: Float32Array.from(columnMeans(targets.values, train)),
        tensors: model.mergeTensors?.(fold, parts) ?? parts[0].tensors,
      };
    }
  };
  const description = {
    kind: model.family.kind,
    genes: targets.genes,
    input: data.modelInput,
    script: spec.script,
    type: spec.modelType,
    flags,
    aliases: Object.fromEntries(targets.perturbations.map((id) => [id, [...data.otherNames(id)]])),
  };
  await writeSavedModel((name) => folder.staged(name), description, trained(), model.adapterFolder);
  log.info(`Saved the models of all folds to ${folder.final("model")}`);
}

async function identityOf<Inputs>(
  { spec: { flags }, data, model }: Running<Inputs>,
  savesModel: boolean,
): Promise<Identity> {
  const { targets, folds } = data;
  return {
    "kind of model": model.family.kind,
    ...model.identity,
    "--n-folds": folds.length,
    "--n-top-genes": flags.nTopGenes,
    "--seed": flags.seed,
    "--strict": flags.strict,
    ...(model.isQuick && { "--save-model": savesModel }),
    perturbations: await fingerprint(targets.perturbations),
    genes: await fingerprint(targets.genes),
    targets: await fingerprint(targets.values.data),
    ...data.identity,
    folds: await fingerprint(folds.map(({ test }) => test.join(" "))),
  };
}

function splitsName(folder: ResultFolder, { splits }: Prepared): string {
  return splits.file.slice(folder.path.length + 1);
}
