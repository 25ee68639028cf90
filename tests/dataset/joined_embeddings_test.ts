import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { filesOf } from "../../lib/dataset/embeddings.ts";
import { readJoinedEmbeddings } from "../../lib/dataset/joined_embeddings.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

async function write(folder: string, name: string, ids: string[], data: Float32Array | Float64Array) {
  const path = join(folder, `${name}.npy`);
  await Deno.writeFile(path, encodeNpy({ shape: [ids.length, data.length / ids.length], data }));
  await Deno.writeTextFile(join(folder, `${name}_ids.txt`), ids.join("\n"));
  return path;
}

Deno.test("readJoinedEmbeddings() puts the vectors of an id side by side, whatever the order and case of each file", () =>
  inFolder(async (folder) => {
    const a = await write(folder, "a b", ["TP53", "GATA1", "MYC"], Float32Array.of(1, 2, 3));
    const b = await write(folder, "b", ["myc", "TP53", "SOX2"], Float64Array.of(10, 11, 20, 21, 30, 31));
    const { result, lines } = await captured(() => readJoinedEmbeddings([a, b], null));
    assertEquals(result.ids, ["TP53", "MYC"]);
    assertEquals(result.values, { data: Float64Array.of(1, 20, 21, 3, 10, 11), rows: 2, columns: 3 });
    assertEquals(result.parts?.map(({ width }) => width), [1, 2]);
    assertEquals(filesOf(result), [a, join(folder, "a b_ids.txt"), b, join(folder, "b_ids.txt")]);
    assert(lines.some((line) => /1 of 3\) is not in .*all files of embeddings must have an id/.test(line)));
  }));

Deno.test("readJoinedEmbeddings() refuses files without a common id, and ids for some files only", () =>
  inFolder(async (folder) => {
    const a = await write(folder, "a", ["A", "B"], Float32Array.of(1, 2));
    const b = await write(folder, "b", ["B", "C"], Float32Array.of(1, 2));
    const c = await write(folder, "c", ["A", "C"], Float32Array.of(1, 2));
    await captured(() =>
      assertRejects(() => readJoinedEmbeddings([a, b, c], null), DataError, "no id is in all of")
    );
    await assertRejects(
      () => readJoinedEmbeddings([a, b], [join(folder, "a_ids.txt")]),
      UsageError,
      "2 files of vectors",
    );
  }));
