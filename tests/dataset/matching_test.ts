import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { matchAndTell, matchedRows, matchIds } from "../../lib/dataset/matching.ts";
import { captured } from "../support/captured_log.ts";

const list = (path: string, ...ids: string[]) => ({ path, ids });

Deno.test("matchIds() takes an id as it stands first, then in any case, then by another name", () => {
  const match = matchIds(["a", "A", "MYC", "x"], ["A", "a", "ENSG00000136997"], {
    otherNames: (id) => id === "MYC" ? ["ENSG00000136997"] : [],
  });
  assertEquals([...match.rows], [1, 0, 2, -1]);
  assertEquals(match.unmatched, ["x"]);
});

Deno.test("matchIds() leaves case alone where it counts", () => {
  assertEquals([...matchIds(["b", "A"], ["B", "A"], { exactCase: true }).rows], [-1, 1]);
});

Deno.test("matchIds() strips Ensembl versions on either side, and nothing of symbols with a dot", () => {
  const versions = matchIds(["ENSG00000141510.17", "ENSG00000136997", "ENSG00000182378.14_PAR_Y"], [
    "ENSG00000141510",
    "ENSG00000136997.20",
    "ENSG00000182378",
  ]);
  assertEquals([[...versions.rows], versions.withoutVersion], [[0, 1, 2], 3]);
  assertEquals([...matchIds(["HLA.1", "AC012.3"], ["HLA", "AC012"]).rows], [-1, -1]);
});

Deno.test("matchAndTell() warns of few with examples, and says that they are more than half", async () => {
  const { result, lines } = await captured(() =>
    matchAndTell("perturbation", list("t.csv", "A", "B", "C"), list("e.npy", "C"), "left out")
  );
  assertEquals(matchedRows(result), { wanted: [2], known: [0] });
  assertEquals(lines, [
    `[warn] 2 perturbations (more than half, 2 of 3) are not in "e.npy": left out.`,
    "       examples: ['A', 'B']",
  ]);
});

Deno.test("matchAndTell() refuses lists without a common id, with examples of both and the likely reason", () => {
  const refuses = (wanted: string[], known: string[], message: string) =>
    assertThrows(
      () => matchAndTell("TF", list("t.csv", ...wanted), list("e.npy", ...known), "left out"),
      DataError,
      message,
    );
  refuses(
    ["ENSG00000142684", "ENSG00000141510"],
    ["TP53", "MYC"],
    `Cannot match TFs: none of the 2 ids of "t.csv" (ENSG00000142684, ENSG00000141510) is in "e.npy" (TP53, MYC): ` +
      `the first are Ensembl ids, the second symbols`,
  );
  refuses(["0", "1"], ["TP53"], "are these row numbers instead of ids?");
  refuses(["ENSMUSG00000059552"], ["ENSG00000141510"], "another species?");
  refuses(["x".repeat(100)], ["TP53"], `(${"x".repeat(39)}…)`);
});
