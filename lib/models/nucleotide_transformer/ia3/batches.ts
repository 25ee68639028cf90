/** Which rows a step of fine-tuning takes, and in how many pieces they go through the model. */
import { ModelStream } from "../../../random/model_stream.ts";

/** How a batch goes through the model. */
export interface BatchPlan {
  /** Rows in one piece; the gradients of a batch's pieces are added. */
  readonly rows: number;
  /** Compute each layer again in the backward pass instead of keeping its activations. */
  readonly checkpointLayers: boolean;
}

/** The rows of every step of an epoch, shuffled. Depends on seed, fold and epoch alone, so that a run can go on in the middle. */
export function stepsOfEpoch(
  rows: ArrayLike<number>,
  batchSize: number,
  { seed, fold, epoch }: { seed: number; fold: number; epoch: number },
): number[][] {
  const order = new ModelStream(seed, `fold ${fold}`).derive(`epoch ${epoch}`).permutation(rows.length);
  const steps: number[][] = [];
  for (let start = 0; start < order.length; start += batchSize) {
    steps.push(Array.from(order.subarray(start, start + batchSize), (position) => rows[position]));
  }
  return steps;
}

/** `rows` in pieces of at most `size`. */
export function piecesOf(rows: readonly number[], size: number): number[][] {
  const pieces: number[][] = [];
  for (let start = 0; start < rows.length; start += size) pieces.push(rows.slice(start, start + size));
  return pieces;
}

/** Sizes that decide how much memory a training step takes. */
export interface StepSizes {
  readonly width: number;
  readonly intermediateWidth: number;
  readonly heads: number;
  readonly layers: number;
  readonly outputs: number;
  /** Parameters of the encoder. */
  readonly weights: number;
  /** Tokens of the longest sequence. */
  readonly length: number;
  readonly bytesPerNumber: 2 | 4;
}

/**
 * Bytes that a training step holds at its fullest: weights, head with its moments, and for every token what the
 * gradient of each layer needs (or, with checkpointLayers, each layer's input and one layer's activations), plus the
 * largest intermediate results of a layer's backward pass.
 */
export function trainingBytes(sizes: StepSizes, { rows, checkpointLayers }: BatchPlan): number {
  const { width, intermediateWidth, heads, layers, outputs, weights, length, bytesPerNumber } = sizes;
  // Input, key, rotated query and key, value, its scaled copy, context, input and output of the second norm: width
  // each; the gate's two halves and its result.
  const kept = 9 * width + 3 * intermediateWidth + heads + 4;
  const working = 4 * width + 4 * intermediateWidth;
  const perToken = checkpointLayers ? layers * width + kept + working : layers * kept + working;
  const head = 4 * 4 * (width * width + outputs * width);
  return weights * bytesPerNumber + head + rows * length * perToken * bytesPerNumber;
}

/**
 * The plan for batches of `batchSize` within `bytes`: as many rows a piece as fit with all activations kept; where not
 * even one does, or with `mode` "on", as many as fit when layers are computed again.
 *
 * @param options.mode "off" never computes again; one row a piece is the plan where nothing fits
 * @param options.rows rows of a piece, where the user says
 */
export function planBatches(
  sizes: StepSizes,
  batchSize: number,
  bytes: number,
  { mode = "auto", rows = null }: { mode?: "auto" | "on" | "off"; rows?: number | null } = {},
): BatchPlan {
  const candidates = rows === null
    ? Array.from({ length: batchSize }, (_, pieces) => Math.ceil(batchSize / (pieces + 1)))
    : [Math.min(rows, batchSize)];
  for (const checkpointLayers of [false, true]) {
    if (mode === (checkpointLayers ? "off" : "on")) continue;
    for (const rows of candidates) {
      const plan = { rows, checkpointLayers };
      if (trainingBytes(sizes, plan) <= bytes) return plan;
    }
  }
  return { rows: candidates.at(-1)!, checkpointLayers: mode !== "off" };
}
