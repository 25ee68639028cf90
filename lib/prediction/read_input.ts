/** Perturbations to predict, in the form that a saved model reads. */
import { basename, dirname, join } from "@std/path";
import type { Backend } from "../backend/backend.ts";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { readEmbeddings } from "../dataset/embeddings.ts";
import { firstOccurrences } from "../dataset/ids.ts";
import { ownGenes } from "../dataset/linear_inputs.ts";
import { readIdLines } from "../dataset/targets.ts";
import type { TfSequences } from "../dataset/tf_sequences.ts";
import { readSequences, type Sequences } from "../embedding/sequences.ts";
import { readNpyStrings } from "../io/npy.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { openPretrainedNt, type PretrainedNt, tokenizeSequences } from "../models/nt_pretrained.ts";
import type { ModelInput, OpenedModel } from "../models/saved_model.ts";
import { embedInMemory } from "./embed_in_memory.ts";
import type { PredictFlags } from "./flags.ts";

/** What is known of the perturbations, a row each. */
export type PredictionInput =
  /** Column of the perturbation's own gene among the model's genes, -1 where it is none of them. */
  | { readonly kind: "gene_id"; readonly ownGene: Int32Array }
  | { readonly kind: "embedding"; readonly values: Matrix }
  | {
    readonly kind: "sequence";
    readonly tokenIds: readonly Int32Array[];
    readonly pretrained: PretrainedNt;
  };

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
  const ids = await readIds(flags.ids);
  const ownGene = ownGenes(ids, model.genes, tfSequences);
  const unmapped = ownGene.filter((gene) => gene < 0).length;
  if (unmapped > 0) {
    log.warn(
      `${
        counted(unmapped, "perturbation")
      } of ${ids.length} are no read-out genes of the model: the mean baseline ` +
        `predicts them${flags.tfSeqCsv === null ? " (--tf-seq-csv finds the gene ids of symbols)" : ""}.`,
    );
  }
  return { ids, input: { kind: "gene_id", ownGene } };
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
  const idsPath = flags.ids ?? await findIds(flags.embeddings);
  const { ids, values } = await readEmbeddings(flags.embeddings, idsPath, options);
  return { ids, values };
}

/**
 * The ids file beside embeddings, under the names that inference.ts gives it.
 *
 * @throws {DataError} naming the places when it is in none of them
 */
async function findIds(vectors: string): Promise<string> {
  const folder = dirname(vectors), name = basename(vectors);
  const places = [vectors.replace(/(\.npy)?$/, "_gene_ids.npy")];
  if (/^NTv2_.*_embeddings\.npy$/.test(name)) {
    places.push(join(folder, name.replace(/_embeddings\.npy$/, "_ids.npy")));
  }
  if (name.startsWith("hyenadna_tf_")) places.push(join(folder, "hyenadna_tf_gene_index.txt"));
  for (const place of places) {
    if ((await Deno.stat(place).catch(() => null))?.isFile) return place;
  }
  const looked = places.map((place) => `"${place}"`).join(" or ");
  throw new DataError(`Cannot find the ids of "${vectors}": there is no ${looked} (--ids names the file)`);
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
  return { ids, input: { kind: "sequence", tokenIds, pretrained } };
}

function readSequenceFile(path: string, flags: PredictFlags): Promise<Sequences> {
  return readSequences(path, {
    idColumn: flags.idCol,
    sequenceColumn: flags.sequenceCol,
    upper: flags.upper,
  });
}

async function readIds(source: string): Promise<string[]> {
  const isFile = (await Deno.stat(source).catch(() => null))?.isFile;
  if (!isFile && /[/\\]|\.(npy|txt|csv)$/.test(source)) {
    throw new DataError(`Cannot read "${source}": there is no such file`);
  }
  const ids = !isFile
    ? source.split(",").map((id) => id.trim()).filter((id) => id !== "")
    : source.endsWith(".npy")
    ? await readNpyStrings(source)
    : await readIdLines(source);
  if (ids.length === 0) throw new DataError(`Cannot use --ids "${source}": there is no id in it`);
  return firstOccurrences(ids, "ids", source).map((row) => ids[row]);
}
