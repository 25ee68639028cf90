/** model.json of a saved model (see saved_model.ts): its fields, written and read with checks. */
import { DataError } from "../cli/errors.ts";

/** Pipeline of inference.ts that makes such embeddings; "other" where a user brought their own. */
export type EmbeddingModel = "ntv2" | "hyenadna" | "other";

export const embeddingModels: readonly EmbeddingModel[] = ["ntv2", "hyenadna", "other"];

/** One of several files of embeddings that stand side by side. */
export interface EmbeddingPart {
  /** Its columns. */
  readonly width: number;
  /** How it was made, where that is known. */
  readonly record?: unknown;
}

/** What a model reads for one perturbation. */
export type ModelInput =
  /** Nothing of it. */
  | { readonly kind: "none" }
  /** Its gene id alone. */
  | { readonly kind: "gene_id" }
  /** A row of embeddings. `model` is the pipeline of inference.ts that makes them. */
  | {
    readonly kind: "embedding";
    readonly model: EmbeddingModel;
    readonly width: number;
    /** How the embeddings were made, where that is known. */
    readonly record?: unknown;
    /** The files that stand side by side, where they were several. */
    readonly parts?: readonly EmbeddingPart[];
  }
  /**
   * Its promoter's DNA, cut at `maxLength` tokens; `model` is the hub id or folder of the pretrained weights. With
   * `upper` lower-case letters were made upper case; files of earlier versions do not say, which means no.
   */
  | {
    readonly kind: "sequence";
    readonly model: string;
    readonly maxLength: number;
    readonly upper?: boolean;
    /** Which weights were fine-tuned; files of earlier versions do not say. */
    readonly record?: unknown;
  };

export interface SavedFold {
  /** From 0, in the order of the splits. */
  readonly fold: number;
  /** Ids of the perturbations that this fold held out. */
  readonly test: readonly string[];
  /** Safetensors file beside model.json. */
  readonly weights: string;
  /** nt_ia3: folder of the PEFT adapter, relative to model.json. */
  readonly adapter?: string;
}

/** model.json. Values of `flags` are those the script ran with, for the record. */
export interface SavedModel {
  /** Kind of its family, such as "mlp". */
  readonly kind: string;
  /** Read-out genes, in the order of every tensor's gene axis. */
  readonly genes: readonly string[];
  readonly input: ModelInput;
  readonly script: string;
  /** What the summary calls the model, such as "baseline: kernel ridge"; files of before lack it. */
  readonly type?: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly folds: readonly SavedFold[];
  /** What else training knew a perturbation by, such as its gene id beside its symbol; files of before lack it. */
  readonly aliases?: Aliases;
}

/** Other names of perturbations, by the ids of `SavedFold.test`. */
export type Aliases = Readonly<Record<string, readonly string[]>>;

const format = "hs27-model";
const version = 1;

/** The text of model.json. */
export function encodeModelJson(model: SavedModel): string {
  const { kind, genes, input, script, type, flags, folds, aliases } = model;
  const fields = { format, version, kind, script, type, flags, input, folds, aliases, genes };
  return JSON.stringify(fields, null, 2) + "\n";
}

/**
 * Check what model.json held.
 *
 * @param path of the file, for messages
 * @throws {DataError} when it is not one that this version can read
 */
export function parseModelJson(path: string, json: unknown): SavedModel {
  const fail = (what: string) => new DataError(`Cannot read "${path}": ${what}`);
  if (!isRecord(json) || json.format !== format) throw fail(`"format" is not "${format}"`);
  if (json.version !== version) {
    throw fail(`"version" is ${JSON.stringify(json.version)}, this program reads ${version}`);
  }
  const { kind, genes, input, script, type, flags, folds, aliases } = json;
  if (typeof kind !== "string" || kind === "") {
    throw fail(`"kind" is ${JSON.stringify(kind)}, not a kind of model`);
  }
  if (!isTextList(genes) || genes.length === 0) throw fail(`"genes" is not a list of gene ids`);
  if (!isModelInput(input)) throw fail(`"input" does not say what the model reads`);
  if (typeof script !== "string") throw fail(`"script" is not a text`);
  if (type !== undefined && typeof type !== "string") throw fail(`"type" is not a text`);
  if (!isRecord(flags)) throw fail(`"flags" is not an object`);
  if (!Array.isArray(folds) || folds.length === 0) throw fail(`"folds" is not a list of folds`);
  for (const [at, fold] of folds.entries()) {
    if (!isSavedFold(fold)) throw fail(`"folds"[${at}] needs "fold", "test" and "weights", a file beside it`);
  }
  if (aliases !== undefined && !isAliases(aliases)) throw fail(`"aliases" does not give lists of names`);
  const saved = {
    kind,
    genes,
    input,
    script,
    flags,
    folds: folds as SavedFold[],
    ...(type !== undefined && { type }),
  };
  return aliases === undefined ? saved : { ...saved, aliases };
}

function isAliases(value: unknown): value is Aliases {
  return isRecord(value) && Object.values(value).every(isTextList);
}

function isModelInput(value: unknown): value is ModelInput {
  if (!isRecord(value)) return false;
  if (value.kind === "none" || value.kind === "gene_id") return true;
  if (value.kind === "embedding") {
    return embeddingModels.some((model) => model === value.model) && isCount(value.width) &&
      (value.parts === undefined || (Array.isArray(value.parts) && value.parts.every(isEmbeddingPart)));
  }
  return value.kind === "sequence" && typeof value.model === "string" && isCount(value.maxLength) &&
    (value.upper === undefined || typeof value.upper === "boolean");
}

function isEmbeddingPart(value: unknown): value is EmbeddingPart {
  return isRecord(value) && isCount(value.width);
}

function isSavedFold(value: unknown): value is SavedFold {
  return isRecord(value) && isCount(value.fold) && isTextList(value.test) &&
    typeof value.weights === "string" && /^[\w.-]+\.safetensors$/.test(value.weights) &&
    (value.adapter === undefined ||
      (typeof value.adapter === "string" && /^\.\.[\\/]adapters[\\/]fold_\d+$/.test(value.adapter)));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
