import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readEmbeddings, readNtEmbeddings } from "../../lib/dataset/embeddings.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { captured } from "../support/captured_log.ts";

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

Deno.test("readEmbeddings() keeps float64 as it is, also beyond the range of float32", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [vectors, ids] = [join(folder, "v.npy"), join(folder, "v_gene_ids.npy")];
    await Deno.writeFile(vectors, encodeNpy({ shape: [2, 1], data: Float64Array.of(1e39, 20180130.25) }));
    await Deno.writeFile(ids, encodeNpy({ shape: [2], data: ["A", "B"] }));
    assertEquals((await readEmbeddings(vectors, null)).values.data, Float64Array.of(1e39, 20180130.25));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readEmbeddings() takes a table whose first column is the id", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "v.tsv");
    await Deno.writeTextFile(path, "tf\td0\td1\nMYC\t1\t2\nTP53\t3\t4\n");
    const { ids, values } = await readEmbeddings(path, null);
    assertEquals([ids, [...values.data]], [["MYC", "TP53"], [1, 2, 3, 4]]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readNtEmbeddings() takes the size that is there, and asks where there are two", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = async (size: string) => {
      await Deno.writeFile(
        join(folder, `NTv2_${size}_tf_embeddings.npy`),
        encodeNpy({ shape: [1, 1], data: Float32Array.of(1) }),
      );
      await Deno.writeFile(join(folder, `NTv2_${size}_tf_ids.npy`), encodeNpy({ shape: [1], data: [size] }));
    };
    await assertRejects(
      () => readNtEmbeddings(folder, "tf"),
      DataError,
      `there is no "NTv2_<size>_tf_embeddings.npy"`,
    );
    await write("500m");
    assertEquals((await readNtEmbeddings(folder, "tf")).ids, ["500m"]);
    await write("50m");
    await assertRejects(() => readNtEmbeddings(folder, "tf"), UsageError, "has those of 500m and 50m");
    assertEquals((await readNtEmbeddings(folder, "tf", "50m")).ids, ["50m"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readEmbeddings() finds the ids beside the vectors, under the names that people give them", async () => {
  for (
    const [vectors, ids] of [
      ["x.npy", "x_gene_ids.npy"],
      ["x.npy", "x_ids.npy"],
      ["x.npy", "x_ids.txt"],
      ["x.npy", "x.txt"],
      ["NTv2_500m_tf_embeddings.npy", "NTv2_500m_tf_ids.npy"],
      ["hyenadna_tf_embeddings_mean.npy", "hyenadna_tf_gene_index.txt"],
      ["tf_embeddings.npy", "tf_ids.npy"],
      ["tf_embeddings.npy", "tf_ids.txt"],
      ["tf_vectors.npy", "tf_gene_ids.npy"],
    ]
  ) {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeFile(
        join(folder, vectors),
        encodeNpy({ shape: [2, 1], data: Float32Array.of(1, 2) }),
      );
      const list = ["MYC", "TP53"];
      const content = ids.endsWith(".npy")
        ? encodeNpy({ shape: [2], data: list })
        : new TextEncoder().encode(list.join("\n"));
      await Deno.writeFile(join(folder, ids), content);
      const found = await readEmbeddings(join(folder, vectors), null);
      assertEquals([found.ids, found.idsPath], [list, join(folder, ids)]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});
