/** Perturbations to predict, in the form that a saved model reads. */
import type { Backend } from "../backend/backend.ts";
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { readJoinedEmbeddings } from "../dataset/joined_embeddings.ts";
import { firstOccurrences } from "../dataset/ids.ts";
import { matchIds, reportMatches } from "../dataset/matching.ts";
import type { TfSequences } from "../dataset/tf_sequences.ts";
import { readSequences, type Sequences } from "../embedding/sequences.ts";
import { differences, type EmbeddingRecord, embeddingRecord } from "../embedding/record.ts";
import type { PredictionInput } from "../experiment/model.ts";
import { readIdList } from "../io/id_list.ts";
import { openPretrainedNt, tokenizeSequences } from "../models/nucleotide_transformer/pretrained.ts";
import type { OpenedModel } from "../experiment/saved_model.ts";
import type { ModelInput } from "../experiment/saved_model_json.ts";
import { embedInMemory } from "./embed_in_memory.ts";
import type { Embedded } from "../linalg/matrix.ts";
import type { PredictFlags } from "./flags.ts";

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
  if (model.input.kind === "embedding") await compareParts(model.input, embeddings, flags.force);
  return embeddings;
}

/** Embeddings that were made in another way than those of the training set mean something else. */
async function compareParts(
  input: ModelInput & { kind: "embedding" },
  { path, values, parts = [{ path, width: values.columns }] }: {
    path: string;
    values: Embedded;
    parts?: readonly { path: string; width: number }[];
  },
  force: boolean,
): Promise<void> {
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
  for (const [i, { path }] of parts.entries()) {
    const training = trained[i].record as EmbeddingRecord | undefined;
    const own = path.endsWith(".npy") ? await embeddingRecord(path) : null;
    const others = training && own ? differences(training, own) : [];
    if (others.length === 0) continue;
    const what = `the embeddings of "${path}" were made in another way than those of the training set: ` +
      others.join("; ");
    if (!force) throw new DataError(`Cannot predict: ${what} (--force goes on all the same)`);
    log.warn(`--force: ${what}.`);
  }
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
  const { ids, sequences } = await readSequenceFile(flags.sequences!, flags);
  const values = await embedInMemory(await device(), input.model, flags.model, sequences, {
    pooling: flags.poolingMethod,
    batchSize: flags.batchSize,
    maxTokens: flags.maxLength ?? (input.model === "ntv2" ? 2048 : 1_000_000),
  });
  return { ids, values };
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
  const { ids, sequences } = await readSequenceFile(flags.sequences, { ...flags, upper });
  const pretrained = await openPretrainedNt(flags.model ?? input.model, { warn: log.warn });
  const maxLength = flags.maxLength ?? input.maxLength;
  const { tokenIds } = tokenizeSequences(pretrained.tokenizer, sequences, maxLength);
  if (flags.model !== null && flags.model !== input.model) {
    log.warn(
      `The model was fine-tuned from "${input.model}", not from "${flags.model}" (--model): its predictions mean something only ` +
        `if these are the same weights.`,
    );
  }
  let loaded: ReturnType<typeof pretrained.load> | null = null;
  // All folds share the weights on the device.
  const encoder = {
    tokenizer: pretrained.tokenizer,
    load: (backend: Backend) => loaded ??= pretrained.load(backend),
  };
  return { ids, input: { kind: "sequence", tokenIds, encoder } };
}

function readSequenceFile(path: string, flags: PredictFlags): Promise<Sequences> {
  return readSequences(path, {
    idColumn: flags.idCol,
    sequenceColumn: flags.sequenceCol,
    upper: flags.upper,
  });
}

/** Ids of perturbations, wherever the flags give some. */
async function readBareIds(model: OpenedModel, flags: PredictFlags): Promise<readonly string[]> {
  if (flags.ids !== null) return await readAllIds(flags.ids);
  if (flags.embeddings !== null) return (await readJoinedEmbeddings(flags.embeddings, null)).ids;
  if (flags.sequences !== null) return (await readSequenceFile(flags.sequences, flags)).ids;
  throw new UsageError(`Flag --ids is needed for a ${model.kind} model, which predicts all of them alike`);
}

/** Ids of files, or as they are given. */
async function readAllIds(sources: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const source of sources) ids.push(...await readIds(source));
  return firstOccurrences(ids, "ids", sources.join(" ")).map((row) => ids[row]);
}

async function readIds(source: string): Promise<string[]> {
  const isFile = (await Deno.stat(source).catch(() => null))?.isFile;
  if (!isFile && /[/\\]|\.(npy|txt|csv)$/.test(source)) {
    throw new DataError(`Cannot read "${source}": there is no such file`);
  }
  const ids = isFile
    ? await readIdList(source)
    : source.split(",").map((id) => id.trim()).filter((id) => id !== "");
  if (ids.length === 0) throw new DataError(`Cannot use --ids "${source}": there is no id in it`);
  return ids;
}
