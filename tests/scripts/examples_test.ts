/** The examples run as their headers say; knn.ts has its test in own_data_test.ts. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { main as similarTfs } from "../../examples/similar_tfs.ts";
import { UsageError } from "../../lib/cli/errors.ts";
import { writeNpy } from "../../lib/io/npy.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("similar_tfs.ts lists the TFs with the smallest angle first, the TF itself left out", () =>
  inFolder(async (folder) => {
    // Angles to A: B 0 degrees, C 90, D 180; lengths have no say.
    const vectors = Float32Array.of(1, 0, 7, 0, 0, 2, -3, 0);
    await writeNpy(`${folder}/tfs.npy`, { shape: [4, 2], data: vectors });
    await Deno.writeTextFile(`${folder}/ids.txt`, "A\nB\nC\nD\n");
    const flags = ["--embeddings", `${folder}/tfs.npy`, "--ids", `${folder}/ids.txt`];
    const { lines } = await captured(() => similarTfs([...flags, "--tf", "a", "--count", "3"]));
    const listed = lines.map((line) => /^\[info\] {3}(\S+) +(\S+)$/.exec(line)).filter((match) =>
      match !== null
    );
    assertEquals(listed.map(([, id, cosine]) => [id, Number(cosine)]), [["B", 1], ["C", 0], ["D", -1]]);
    await assertRejects(() => similarTfs([...flags, "--tf", "E"]), UsageError, `Cannot find --tf "E"`);
  }));

Deno.test("similar_tfs.ts runs on the demo data without a flag", async () => {
  const { lines } = await captured(() => similarTfs([]));
  assertEquals(lines.length, 6);
  assertMatch(lines[0], /of 96 TFs, by the cosine of their 512 numbers/);
});
