import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readEmbeddings, readHyenaEmbeddings, readNtEmbeddings } from "../../lib/dataset/embeddings.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

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

Deno.test("readNtEmbeddings() looks in several folders, and takes a size from the first that has it", () =>
  inFolder(async (folder) => {
    const write = async (place: string, size: string, id: string) => {
      await Deno.mkdir(join(folder, place), { recursive: true });
      const file = (what: string) => join(folder, place, `NTv2_${size}_tf_${what}.npy`);
      await Deno.writeFile(file("embeddings"), encodeNpy({ shape: [1, 1], data: Float32Array.of(1) }));
      await Deno.writeFile(file("ids"), encodeNpy({ shape: [1], data: [id] }));
    };
    await write("a", "50m", "A50");
    await write("b", "50m", "B50");
    await write("b", "500m", "B500");
    const places = [join(folder, "a"), join(folder, "b")];
    assertEquals((await readNtEmbeddings(places, "tf", "50m")).ids, ["A50"]);
    assertEquals((await readNtEmbeddings(places, "tf", "500m")).ids, ["B500"]);
    await assertRejects(
      () => readNtEmbeddings(places, "tf", "250m"),
      DataError,
      `there is no "NTv2_250m_tf_embeddings.npy" in "${places[0]}" and "${
        places[1]
      }" (they have those of 500m, 50m)`,
    );
  }));

Deno.test("readHyenaEmbeddings() takes the mean, else the one there is, else it asks", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "hyenadna_tf_gene_index.txt"), "A\n");
    const write = (name: string, value: number) =>
      Deno.writeFile(
        join(folder, `hyenadna_tf_embeddings_${name}.npy`),
        encodeNpy({ shape: [1, 1], data: Float32Array.of(value) }),
      );
    const value = async () => (await readHyenaEmbeddings(folder)).values.data[0];
    await assertRejects(value, DataError, "hyenadna_tf_embeddings_mean.npy");
    await write("max", 1);
    await Deno.writeFile(
      join(folder, "hyenadna_tf_embeddings_max_gene_ids.npy"),
      encodeNpy({ shape: [1], data: ["A"] }),
    );
    assertEquals(await value(), 1);
    await write("layer1_cls", 2);
    await assertRejects(
      value,
      UsageError,
      `has "hyenadna_tf_embeddings_layer1_cls.npy" and "hyenadna_tf_embeddings_max.npy" (--embeddings takes one)`,
    );
    await write("mean", 3);
    assertEquals(await value(), 3);
  }));

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
