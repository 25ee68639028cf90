/** Which sequences go through a model together. */

export interface BatchLimits {
  readonly batchSize: number;
  /** Most tokens of a batch, padding included; a longer sequence goes alone. */
  readonly maxBatchTokens: number;
  /** Whether sequences of unequal lengths may share a batch. */
  readonly allowsPadding: boolean;
}

/** Padding may be this share of a batch. */
const maxPadding = 0.1;
/** Batches of sequences no longer than this may have any padding: it costs nothing. */
const shortLength = 64;

/**
 * Group sequences by length, the longest first.
 *
 * @param lengths tokens of each sequence
 * @returns indices into `lengths`, each once
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const batches: number[][] = [];
  let tokens = 0;
  for (const index of order) {
    const batch = batches.at(-1);
    if (batch && joins(batch.length, lengths[batch[0]], tokens, lengths[index], limits)) {
      batch.push(index);
      tokens += lengths[index];
    } else {
      batches.push([index]);
      tokens = lengths[index];
    }
  }
  return batches;
}

function joins(count: number, longest: number, tokens: number, length: number, limits: BatchLimits): boolean {
  const room = (count + 1) * longest;
  if (count >= limits.batchSize || room > limits.maxBatchTokens) return false;
  if (length === longest) return true;
  return limits.allowsPadding && (longest <= shortLength || room - tokens - length <= maxPadding * room);
}
