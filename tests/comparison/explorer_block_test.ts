import { assertEquals } from "@std/assert";
import type { Aligned } from "../../lib/comparison/aligned.ts";
import { ExplorerBlock } from "../../lib/comparison/explorer_block.ts";
import { truthOrders } from "../../lib/comparison/row_scores.ts";
import { zeros } from "../../lib/linalg/matrix.ts";

Deno.test("ExplorerBlock keeps the genes that matter most to some perturbation, and their values", () => {
  const truth = { data: Float32Array.of(0.1, 5, 0.2, -3, 0.3, 0.1, -9, NaN, 4, 0.2), rows: 2, columns: 5 };
  const data: Aligned = {
    perturbations: ["A", "B"],
    genes: ["a", "b", "c", "d", "e"],
    truth,
    foldOf: Int32Array.of(0, 1),
    folds: 2,
    reference: zeros(2, 5),
    ownGene: Int32Array.of(-1, -1),
    significant: null,
  };
  const block = new ExplorerBlock(data, truthOrders(data), 1);
  block.add({ ...truth, data: truth.data.map((_, i) => i) });
  assertEquals([...block.genes], [0, 1, 2, 3, 4]);
  assertEquals(block.complete, 5);
  block.keep(2); // b is the first of A and of B, d the second of both
  assertEquals([...block.genes], [1, 3]);
  assertEquals([...block.measured], [5, -3, -9, 4]);
  assertEquals([...block.predictions[0]], [1, 3, 6, 8]);
  assertEquals(block.complete, 2);
  block.keep(0);
  assertEquals([...block.genes], [1]);
  assertEquals([...block.predictions[0]], [1, 6]);
});
