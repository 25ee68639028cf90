/** Perturbations to predict, in the form that a saved model reads. */
import type { Backend } from "../backend/backend.ts";
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { readJoinedEmbeddings } from "../dataset/joined_embeddings.ts";
import { firstOccurrences } from "../dataset/ids.ts";
import { matchIds, reportMatches } from "../dataset/matching.ts";
import type { TfSequences } from "../dataset/tf_sequences.ts";
import { readSequences, type Sequences } from "../embedding/sequences.ts";
import { weightsRecord } from "../embedding/weights_hash.ts";
import { type Compared, differences, type EmbeddingRecord, requireSameMaking } from "../embedding/record.ts";
import { recordBeside } from "../experiment/gene_embeddings_check.ts";
import type { PredictionInput } from "../experiment/model.ts";
import { readIdList } from "../io/id_list.ts";
import { pipeContent } from "../io/pipes.ts";
import {
  openPretrainedNt,
  type PretrainedNt,
  tokenizeSequences,
} from "../models/nucleotide_transformer/pretrained.ts";
import type { OpenedModel } from "../experiment/saved_model.ts";
import type { ModelInput } from "../experiment/saved_model_json.ts";
import { embedInMemory } from "./embed_in_memory.ts";
import type { Embedded } from "../linalg/matrix.ts";
import type { PredictFlags } from "./flags.ts";
import { recipeOf } from "./recipe.ts";

export interface PredictionRows {
  readonly ids: readonly string[];
  readonly input: PredictionInput;
}

/**
 * Read what the flags name.
 *
 * @param tfSequences which symbol is which gene id
 * @param device opens the device, should it be needed
 * @throws {UsageError} when a flag is missing or does not go with the model
 */
export async function readPredictionRows(
  model: OpenedModel,
  flags: PredictFlags,
  tfSequences: TfSequences | null,
  device: () => Promise<Backend>,
): Promise<PredictionRows> {
  switch (model.input.kind) {
    case "none":
      return { ids: await readBareIds(model, flags), input: { kind: "none" } };
    case "gene_id":
      return await readGenes(model, flags, tfSequences);
    case "embedding":
      return await readVectors(model, model.input, flags, device);
    case "sequence":
      return await readTokens(model, model.input, flags);
  }
}

async function readGenes(
  model: OpenedModel,
  flags: PredictFlags,
  tfSequences: TfSequences | null,
): Promise<PredictionRows> {
  if (flags.embeddings !== null) {
    throw new UsageError(
      `Cannot use --embeddings: a ${model.kind} model knows a perturbation by its gene, give --ids`,
    );
  }
  if (flags.ids === null) {
    throw new UsageError(`Flag --ids is needed for a ${model.kind} model: the perturbed genes`);
  }
  const ids = await readAllIds(flags.ids);
  const wanted = {
    ids,
    what: "perturbation",
    path: "--ids",
    otherNames: (id: string) => tfSequences?.otherNames(id) ?? [],
  };
  const known = { ids: model.genes, path: `the read-out genes of ${model.folder}` };
  const match = matchIds(wanted, known);
  reportMatches(
    match,
    wanted,
    known,
    "the mean baseline predicts them, since they are no read-out genes themselves" +
      (flags.tfSeqCsv === null ? " (--tf-seq-csv finds the gene ids of symbols)" : ""),
  );
  return { ids, input: { kind: "gene_id", ownGene: match.rows } };
}

async function readVectors(
  model: OpenedModel,
  input: ModelInput & { kind: "embedding" },
  flags: PredictFlags,
  device: () => Promise<Backend>,
): Promise<PredictionRows> {
  const { ids, values } = flags.sequences === null
    ? await readStoredVectors(model, flags)
    : await embedSequencesOf(model, input, flags, device);
  if (values.columns !== input.width) {
    throw new DataError(
      `Cannot predict with "${model.folder}": it takes ${input.model} embeddings of ${input.width} columns, ` +
        `these have ${values.columns}`,
    );
  }
  return { ids, input: { kind: "embedding", values } };
}

async function readStoredVectors(model: OpenedModel, flags: PredictFlags) {
  if (flags.embeddings === null) {
    throw new UsageError(
      `Flag --embeddings is needed for a ${model.kind} model (or --sequences with the --model that embeds them)`,
    );
  }
  // Trees learn on which side of a split a missing value belongs.
  const options = { allowMissing: model.kind === "xgboost" };
  const embeddings = await readJoinedEmbeddings(flags.embeddings, flags.ids, options);
  if (model.input.kind === "embedding") await compareParts(model, embeddings, flags);
  return embeddings;
}

/** Embeddings that were made in another way than those of the training set mean something else. */
async function compareParts(
  model: OpenedModel,
  { path, values, parts = [{ path, width: values.columns }] }: {
    path: string;
    values: Embedded;
    parts?: readonly { path: string; width: number }[];
  },
  flags: PredictFlags,
): Promise<void> {
  const input = model.input as ModelInput & { kind: "embedding" };
  const trained = input.parts ?? [{ width: input.width, record: input.record }];
  if (values.columns !== input.width || trained.length !== parts.length) return; // another width is told later
  const wrong = parts.findIndex(({ width }, i) => width !== trained[i].width);
  if (wrong >= 0) {
    throw new DataError(
      `Cannot predict: "${parts[wrong].path}" has ${
        parts[wrong].width
      } columns, the model was trained on files of ` +
        `${trained.map(({ width }) => width).join(" and ")} columns in this order`,
    );
  }
  for (const [i, part] of parts.entries()) {
    const ours = { name: `the embeddings of "${part.path}"`, record: await recordBeside(part) };
    compareWithTraining(trained[i].record as EmbeddingRecord | undefined ?? null, ours, flags);
  }
}

function compareWithTraining(
  training: EmbeddingRecord | null,
  ours: Compared["ours"],
  { force }: PredictFlags,
): void {
  const theirs = { name: "those of the training set", record: training };
  requireSameMaking({ ours, theirs, cannot: "Cannot predict", force });
}

function trainingRecord({ input }: OpenedModel): EmbeddingRecord | null {
  return (input.kind === "embedding" || input.kind === "sequence") && input.record
    ? input.record as EmbeddingRecord
    : null;
}

async function embedSequencesOf(
  model: OpenedModel,
  input: ModelInput & { kind: "embedding" },
  flags: PredictFlags,
  device: () => Promise<Backend>,
) {
  if (flags.embeddings !== null) {
    throw new UsageError(
      "Cannot use --embeddings and --sequences together: they are two ways to give the same",
    );
  }
  if (flags.model === null) {
    throw new UsageError(
      `Flag --model is needed with --sequences: the ${input.model} model that made the embeddings "${model.folder}" ` +
        `was trained on`,
    );
  }
  if (input.model === "other") {
    throw new UsageError(
      `Cannot use --sequences: the model was trained on embeddings of its own kind, give --embeddings`,
    );
  }
  const recipe = recipeOf(trainingRecord(model), flags, input.model === "ntv2" ? 2048 : 1_000_000);
  const sequences = await readSequenceFile(flags.sequences!, flags, recipe.upper);
  const name = `embeddings of "${flags.sequences}" by "${flags.model}"`;
  return await embedInMemory(await device(), { pipeline: input.model, model: flags.model }, sequences, {
    ...recipe,
    batchSize: flags.batchSize,
    onRecord: (record) => compareWithTraining(trainingRecord(model), { name, record }, flags),
  });
}

async function readTokens(
  model: OpenedModel,
  input: ModelInput & { kind: "sequence" },
  flags: PredictFlags,
): Promise<PredictionRows> {
  if (flags.sequences === null) {
    throw new UsageError(`Flag --sequences is needed for a ${model.kind} model: the TFs' promoter DNA`);
  }
  const upper = flags.given.has("upper") ? flags.upper : input.upper ?? false;
  if (input.upper !== undefined && upper !== input.upper) {
    const what = `sequences ${upper ? "with" : "without"} --upper, where training was ${
      input.upper ? "with" : "without"
    } it`;
    if (!flags.force) throw new DataError(`Cannot predict from ${what} (--force goes on all the same)`);
    log.warn(`--force: predicting from ${what}.`);
  }
  const { ids, sequences } = await readSequenceFile(flags.sequences, flags, upper);
  const pretrained = await openPretrainedNt(flags.model ?? input.model, { warn: log.warn });
  const maxLength = flags.maxLength ?? input.maxLength;
  const { tokenIds } = tokenizeSequences(pretrained.tokenizer, sequences, maxLength);
  await compareWeights(model, pretrained, flags);
  let loaded: ReturnType<typeof pretrained.load> | null = null;
  // All folds share the weights on the device.
  const encoder = {
    tokenizer: pretrained.tokenizer,
    load: (backend: Backend) => loaded ??= pretrained.load(backend),
  };
  return { ids, input: { kind: "sequence", tokenIds, encoder } };
}

/** The adapter means something on the weights that it was trained on alone. */
async function compareWeights(
  model: OpenedModel,
  pretrained: PretrainedNt,
  flags: PredictFlags,
): Promise<void> {
  const input = model.input as ModelInput & { kind: "sequence" };
  if (input.record) {
    const others = differences(input.record as EmbeddingRecord, await weightsRecord(pretrained.source));
    if (others.length === 0) return;
    const what = `the weights of "${pretrained.source.name}" are not those that were fine-tuned: ${
      others.join("; ")
    }`;
    if (!flags.force) throw new DataError(`Cannot predict: ${what} (--force goes on all the same)`);
    log.warn(`--force: ${what}.`);
  } else if (flags.model !== null && flags.model !== input.model) {
    log.warn(
      `The model was fine-tuned from "${input.model}", not from "${flags.model}" (--model): its predictions mean something only ` +
        `if these are the same weights.`,
    );
  }
}

function readSequenceFile(
  path: string,
  { idCol, sequenceCol }: PredictFlags,
  upper: boolean,
): Promise<Sequences> {
  return readSequences(path, { idColumn: idCol, sequenceColumn: sequenceCol, upper });
}

/** Ids of perturbations, wherever the flags give some. */
async function readBareIds(model: OpenedModel, flags: PredictFlags): Promise<readonly string[]> {
  if (flags.ids !== null) return await readAllIds(flags.ids);
  if (flags.embeddings !== null) return (await readJoinedEmbeddings(flags.embeddings, null)).ids;
  if (flags.sequences !== null) return (await readSequenceFile(flags.sequences, flags, false)).ids;
  throw new UsageError(`Flag --ids is needed for a ${model.kind} model, which predicts all of them alike`);
}

/** Ids of files, or as they are given. */
async function readAllIds(sources: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const source of sources) ids.push(...await readIds(source));
  return firstOccurrences(ids, "ids", sources.join(" ")).map((row) => ids[row]);
}

async function readIds(source: string): Promise<string[]> {
  const isFile = await pipeContent(source).catch(() => null) !== null ||
    (await Deno.stat(source).catch(() => null))?.isFile;
  if (!isFile && /[/\\]|\.(npy|txt|csv)$/.test(source)) {
    throw new DataError(`Cannot read "${source}": there is no such file`);
  }
  const ids = isFile
    ? await readIdList(source)
    : source.split(",").map((id) => id.trim()).filter((id) => id !== "");
  if (ids.length === 0) throw new DataError(`Cannot use --ids "${source}": there is no id in it`);
  return ids;
}
