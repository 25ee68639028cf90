/** How sequences become vectors in front of a saved model: as those that it was trained on, unless flags say otherwise. */
import { DataError, UsageError } from "../cli/errors.ts";
import type { EmbeddingRecord } from "../embedding/record.ts";
import { cutOf } from "../embedding/reading_flags.ts";
import { pooledHow, type Pooling, poolings } from "../embedding/readings.ts";
import { strandChoices, type Strands } from "../embedding/strands.ts";
import { parseWindows, type Windows } from "../embedding/windows.ts";
import type { EmbeddingRecipe } from "./embed_in_memory.ts";
import type { PredictFlags } from "./flags.ts";

/**
 * @param record of the training embeddings; null where nothing is known of them
 * @param usualMaxTokens of the model that embeds
 */
export function recipeOf(
  record: EmbeddingRecord | null,
  flags: PredictFlags,
  usualMaxTokens: number,
): EmbeddingRecipe {
  const known = record === null ? {} : recordedRecipe(record);
  const given = (flag: string) => flags.given.has(flag);
  const { strands, windows } = cutOf({ ...flags, poolingMethod: [flags.poolingMethod], keepWindows: false });
  return {
    layer: given("layer") ? layerOfFlag(flags.layer!) : known.layer ?? "last",
    pooling: given("pooling-method") ? flags.poolingMethod : known.pooling ?? flags.poolingMethod,
    strands: given("both-strands") ? strands : known.strands ?? strands,
    windows: given("windows") ? windows : known.windows ?? windows,
    upper: given("upper") ? flags.upper : known.upper ?? flags.upper,
    maxTokens: flags.maxLength ?? known.maxTokens ?? usualMaxTokens,
  };
}

function layerOfFlag(text: string): EmbeddingRecipe["layer"] {
  if (text === "last") return text;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new UsageError(`Cannot use --layer "${text}": it must be last or the number of a layer`);
}

/** What a record says; a key that an older one lacks, or that says nothing that we know, is left out. */
function recordedRecipe(record: EmbeddingRecord): Partial<EmbeddingRecipe> {
  const { layer_index: layer, max_tokens: maxTokens, upper_cased: upper } = record;
  const pooling = poolings.find((each) =>
    each === record.pooling_method || pooledHow[each] === record.pooling
  );
  const strands = strandChoices.find((each) => each === record.strands);
  return {
    ...((layer === "last" || Number.isSafeInteger(layer)) && { layer: layer as EmbeddingRecipe["layer"] }),
    ...(pooling && { pooling: pooling as Pooling }),
    ...(strands && { strands: strands as Strands }),
    ...(typeof record.windows === "string" && { windows: recordedWindows(record.windows) }),
    ...(typeof upper === "boolean" && { upper }),
    ...(Number.isSafeInteger(maxTokens) && { maxTokens: maxTokens as number }),
  };
}

function recordedWindows(text: string): Windows {
  try {
    return parseWindows(text, { kept: false });
  } catch {
    throw new DataError(`Cannot embed sequences as the training set's were: its windows are "${text}"`);
  }
}
