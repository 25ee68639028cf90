import { assert, assertEquals } from "@std/assert";
import { planBatches } from "../../lib/embedding/batches.ts";

const limits = { batchSize: 8, maxBatchTokens: 1000, allowsPadding: true };
const lengthsOf = (batches: number[][], lengths: number[]) =>
  batches.map((batch) => batch.map((i) => lengths[i]));

Deno.test("planBatches() takes every sequence once, the longest first", () => {
  const lengths = Array.from({ length: 200 }, (_, i) => 1 + (i * 7919) % 401);
  const batches = planBatches(lengths, limits);
  assertEquals(batches.flat().sort((a, b) => a - b), lengths.map((_, i) => i));
  const firsts = batches.map((batch) => lengths[batch[0]]);
  assertEquals(firsts, firsts.toSorted((a, b) => b - a));
  for (const batch of batches) {
    const longest = lengths[batch[0]], tokens = batch.reduce((sum, i) => sum + lengths[i], 0);
    assert(batch.length <= 8 && batch.length * longest <= 1000);
    assert(longest <= 64 || tokens >= 0.9 * batch.length * longest, "at most a tenth is padding");
  }
});

Deno.test("planBatches() sends a sequence above the limit alone and mixes short ones freely", () => {
  const lengths = [3, 5000, 60, 1, 40];
  assertEquals(lengthsOf(planBatches(lengths, limits), lengths), [[5000], [60, 40, 3, 1]]);
});

Deno.test("planBatches() groups only equal lengths where padding would change results", () => {
  const lengths = [10, 12, 10, 12, 10, 11];
  const batches = planBatches(lengths, { ...limits, batchSize: 2, allowsPadding: false });
  assertEquals(batches, [[1, 3], [5], [0, 2], [4]]);
});
