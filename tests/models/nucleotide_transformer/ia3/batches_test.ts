import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  piecesOf,
  planBatches,
  type StepSizes,
  stepsOfEpoch,
  trainingBytes,
} from "../../../../lib/models/nucleotide_transformer/ia3/batches.ts";

const published: StepSizes = {
  width: 512,
  intermediateWidth: 2048,
  heads: 16,
  layers: 12,
  outputs: 4912,
  weights: 52.5e6,
  length: 2001,
  bytesPerNumber: 4,
};
const gib = 2 ** 30;

Deno.test("An epoch takes every row once, in an order of its own that depends on seed, fold and epoch alone", () => {
  const rows = [3, 5, 8, 13, 21, 34, 55];
  const at = { seed: 42, fold: 1, epoch: 2 };
  const steps = stepsOfEpoch(rows, 3, at);
  assertEquals(steps.map((step) => step.length), [3, 3, 1]);
  assertEquals(steps.flat().toSorted((a, b) => a - b), rows);
  assertEquals(stepsOfEpoch(rows, 3, at), steps);
  for (const other of [{ ...at, seed: 43 }, { ...at, fold: 2 }, { ...at, epoch: 3 }]) {
    assertNotEquals(stepsOfEpoch(rows, 3, other), steps);
  }
});

Deno.test("piecesOf() cuts rows into pieces of at most a size", () => {
  assertEquals(piecesOf([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assertEquals(piecesOf([1], 4), [[1]]);
});

Deno.test("Four sequences of 12,000 bases fit 8 GiB whole and 4 GiB in pieces, without computing layers again", () => {
  assertEquals(planBatches(published, 4, 8 * gib), { rows: 4, checkpointLayers: false });
  assertEquals(planBatches(published, 4, 4 * gib), { rows: 2, checkpointLayers: false });
});

Deno.test("Layers are computed again where not even one sequence fits otherwise, or as the user says", () => {
  const tight = planBatches(published, 4, 1 * gib);
  assertEquals(tight, { rows: 2, checkpointLayers: true });
  assert(trainingBytes(published, tight) <= gib);
  assertEquals(planBatches(published, 4, 8 * gib, { mode: "on" }), { rows: 4, checkpointLayers: true });
  assertEquals(planBatches(published, 4, 1 * gib, { mode: "off" }), { rows: 1, checkpointLayers: false });
  assertEquals(planBatches(published, 4, 8 * gib, { rows: 3 }), { rows: 3, checkpointLayers: false });
  assertEquals(planBatches(published, 4, 0.1 * gib, {}), { rows: 1, checkpointLayers: true });
});

Deno.test("Memory of a step grows linearly with the length of the sequences", () => {
  const bytes = (length: number) =>
    trainingBytes({ ...published, length }, { rows: 1, checkpointLayers: false });
  assertEquals(bytes(4000) - bytes(3000), bytes(2000) - bytes(1000));
});
