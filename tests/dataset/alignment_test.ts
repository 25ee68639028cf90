import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { alignById, readEmbeddings } from "../../lib/dataset/embeddings.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { captured } from "../support/captured_log.ts";

const targets = (...perturbations: string[]) => ({ perturbations, path: "targets_377.csv" });
const embeddings = (...ids: string[]) => ({ ids, idsPath: "tf_ids.npy" });

Deno.test("alignById() sorts common ids as Python does, lower case last, and names what has no embedding", () => {
  const aligned = alignById(
    targets("ENSGb", "ensga", "ENSGZ", "ENSGC"),
    embeddings("ENSGC", "ensga", "ENSGb"),
  );
  assertEquals(aligned, {
    ids: ["ENSGC", "ENSGb", "ensga"],
    targetRows: [3, 0, 1],
    embeddingRows: [0, 2, 1],
    unmatched: ["ENSGZ"],
  });
});

Deno.test("alignById() matches in any case where asked, and reports ids as in the targets", () => {
  const [table, vectors] = [targets("B", "a"), embeddings("A", "b")];
  const aligned = alignById(table, vectors, { ignoreCase: true, order: "targets" });
  assertEquals(aligned, { ids: ["B", "a"], targetRows: [0, 1], embeddingRows: [1, 0], unmatched: [] });
  assertThrows(() => alignById(table, vectors), DataError, "Do the ids differ in case alone?");
});

Deno.test("alignById() says what both sides hold when nothing is common", () => {
  assertThrows(
    () => alignById(targets("ENSG00000142684", "ENSG1"), embeddings("TP53", "MYC")),
    DataError,
    `Cannot match TFs: none of the 2 ids of "targets_377.csv" (ENSG00000142684, ...) is in "tf_ids.npy" (TP53, ...). Are these gene symbols?`,
  );
});

Deno.test("readEmbeddings() keeps the first row of a repeated id, with a warning that counts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [vectors, ids] = [join(folder, "v.npy"), join(folder, "ids.txt")];
    await Deno.writeFile(vectors, encodeNpy({ shape: [4, 1], data: Float32Array.of(1, 2, 3, 4) }));
    await Deno.writeTextFile(ids, "A\nB\nA\nA\n");
    const { result, lines } = await captured(() => readEmbeddings(vectors, ids));
    assertEquals([result.ids, [...result.values.data]], [["A", "B"], [1, 2]]);
    assertEquals(lines, [
      `[warn] Left out 2 rows of repeated ids in "${ids}", the first of each is kept (A).`,
    ]);
    await Deno.writeTextFile(ids, "A\nB\n");
    await assertRejects(
      () => readEmbeddings(vectors, ids),
      DataError,
      `"${vectors}" has 4 rows, "${ids}" has 2 ids`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
