import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { alignPromoters } from "../../lib/dataset/promoters.ts";

const targets = {
  path: "targets.csv",
  perturbations: ["ENSG1", "ENSG2", "ENSG3"],
  symbols: ["Aaa", "BBB", "CCC"],
};

Deno.test("Promoters are found by gene id, else by symbol in any case; the others are left out", () => {
  const promoters = { path: "p.csv", ids: ["bbb", "ENSG1", "AAA"], sequences: ["TT", "AC", "GG"] };
  assertEquals(alignPromoters(targets, promoters), {
    targetRows: [0, 1],
    sequences: ["AC", "TT"],
    dropped: ["ENSG3"],
  });
});

Deno.test("Promoters of other genes altogether are refused with an example of each", () => {
  assertThrows(
    () => alignPromoters(targets, { path: "p.csv", ids: ["X"], sequences: ["A"] }),
    DataError,
    `Cannot match TFs: none of the 3 ids of "targets.csv" (ENSG1, ...) is in "p.csv" (X)`,
  );
});
