/** What is read off a model's hidden states: of which layer, pooled in which way. */
import { UsageError } from "../cli/errors.ts";

export const poolings = ["mean", "cls", "max", "mean-no-special", "none"] as const;

/**
 * Over the tokens of a sequence: their mean, the first one, the largest number of each column, the mean without the special
 * tokens that the tokenizer puts around a sequence, or a vector a token.
 */
export type Pooling = typeof poolings[number];

/** 0 the embeddings of the tokens, i the output of layer i; the last layer where the model does not say how many it has. */
export type Layer = number | "last";

export interface Reading {
  readonly layer: Layer;
  readonly pooling: Pooling;
  /** What the names of its files say of the layer and of the pooling; empty where there is one of them. */
  readonly layerLabel: string;
  readonly poolingLabel: string;
}

/** What a model can give. */
export interface KnownLayers {
  /** Ascending; 0 are the embeddings. */
  readonly numbers: readonly number[];
  /** The number of the last layer; null where the last hidden states have none. */
  readonly last: number | null;
}

/** Layers of a model of `depth` layers. */
export function layersUpTo(depth: number): KnownLayers {
  return { numbers: Array.from({ length: depth + 1 }, (_, i) => i), last: depth };
}

/** How the record says it; of all poolings but `none` a vector a sequence. */
export const pooledHow: Readonly<Record<Pooling, string>> = {
  "mean": "mean over all tokens",
  "cls": "first token",
  "max": "largest over all tokens",
  "mean-no-special": "mean over all but special tokens",
  "none": "none, a vector a token",
};

/** Whether special tokens count in what is read. */
export function countsSpecialTokens(pooling: Pooling): boolean {
  return pooling !== "mean-no-special" && pooling !== "cls";
}

/**
 * Every combination of the layers and poolings that are asked for, each once, in their order.
 *
 * @param layers "last", "all" or a number
 * @param known null before the model is looked into, which `last` alone does not need
 * @param model its name, for messages
 * @throws {UsageError} for what is no layer, or none of this model
 */
export function readingsOf(
  layers: readonly string[],
  pooled: readonly Pooling[],
  known: KnownLayers | null,
  model: string,
): Reading[] {
  const chosen = new Map<Layer, string>();
  const add = (layer: Layer, label: string) => {
    const key = layer === "last" ? known?.last ?? layer : layer;
    if (!chosen.has(key)) chosen.set(key, label);
  };
  for (const text of layers) {
    if (text === "last") add("last", "last");
    else if (text === "all" && known !== null && known.numbers.length > 0) {
      for (const layer of known.numbers) add(layer, `layer${layer}`);
    } else {
      const layer = layerNumber(text, known, model);
      add(layer, `layer${layer}`);
    }
  }
  const ways = [...new Set(pooled)];
  return [...chosen].flatMap(([layer, name]) =>
    ways.map((pooling) => ({
      layer,
      pooling,
      layerLabel: chosen.size > 1 ? name : "",
      // Token vectors go into a folder, which needs a name of its own.
      poolingLabel: ways.length > 1 || pooling === "none" ? fileWord(pooling) : "",
    }))
  );
}

/** The end of a reading's file names: "layer4_max"; empty where there is one reading. */
export function labelOf({ layerLabel, poolingLabel }: Reading): string {
  return [layerLabel, poolingLabel].filter((part) => part !== "").join("_");
}

export function fileWord(pooling: Pooling): string {
  return pooling === "none" ? "tokens" : pooling.replaceAll("-", "_");
}

/** The poolings wanted of each layer, in a forward pass through a model of `depth` layers. */
export function poolingsByLayer(
  readings: readonly Pick<Reading, "layer" | "pooling">[],
  depth: number,
): Map<number, Set<Pooling>> {
  const byLayer = new Map<number, Set<Pooling>>();
  for (const { layer, pooling } of readings) {
    const number = layerOf(layer, depth), known = byLayer.get(number);
    if (known) known.add(pooling);
    else byLayer.set(number, new Set([pooling]));
  }
  return byLayer;
}

export function layerOf(layer: Layer, depth: number): number {
  return layer === "last" ? depth : layer;
}

function layerNumber(text: string, known: KnownLayers | null, model: string): number {
  const numbers = known?.numbers ?? [];
  const those = numbers.length > 0
    ? `"${model}" has the layers ${numbers[0]}${numbers[0] === 0 ? " (embeddings)" : ""} to ${numbers.at(-1)}`
    : known === null
    ? ""
    : `"${model}" gives no hidden states with numbers`;
  if (!/^\d{1,4}$/.test(text)) {
    throw new UsageError(
      `Cannot use --layer "${text}": it must be last, all or the number of a layer${
        those && `, and ${those}`
      }`,
    );
  }
  if (known !== null && !numbers.includes(Number(text))) {
    throw new UsageError(`Cannot use --layer ${text}: ${those}`);
  }
  return Number(text);
}
