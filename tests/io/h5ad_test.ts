/** h5ad files as five AnnData versions wrote them, value for value, and files that cannot be read. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { openH5ad } from "../../lib/io/h5ad.ts";
import { writeH5ad } from "../../lib/io/h5ad_write.ts";
import type { ExpressionMatrix } from "../../lib/dataset/expression_block.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { inFolder } from "../support/temporary_folder.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/preparation");
const { header, rows } = await readCsvTable(join(fixtures, "screen.csv"));
const counts = rows.map((row) => row.slice(6).map(Number));

for (const version of ["0_6", "0_7", "0_8", "0_10", "0_12"]) {
  Deno.test(`openH5ad() reads what AnnData ${version.replace("_", ".")} wrote`, async () => {
    const file = await openH5ad(join(fixtures, `anndata_${version}.h5ad`));
    assertEquals(file.obs.index, rows.map(([index]) => index));
    assertEquals(file.var.index, header.slice(6));
    const column = (name: string) => Array.from<unknown>(file.obs.columns.get(name)!.values);
    for (const name of ["perturbation", "guide"]) {
      assertEquals(column(name), rows.map((row) => row[header.indexOf(name)]));
    }
    for (const name of ["n_cells", "score", "active"]) {
      assertEquals(column(name), rows.map((row) => Number(row[header.indexOf(name)])));
    }
    assertEquals(Array.from<unknown>(file.var.columns.get("gene_id")!.values)[1], "ENSG00000000101");
    for (const name of ["X", "columns", "integers", "raw"]) {
      assertEquals(await denseOf(file.matrix(name)), counts, name);
    }
    // The layer is float32.
    assertEquals(
      await denseOf(file.matrix("dense")),
      counts.map((row) => row.map((x) => Math.fround(Math.log1p(x)))),
    );
    assertEquals(file.rawVar().index, file.var.index);
    file.close();
  });
}

Deno.test("openH5ad() reads nullable columns, NaN where the mask is set", async () => {
  const file = await openH5ad(join(fixtures, "anndata_0_12.h5ad"));
  const values = Array.from<unknown>(file.obs.columns.get("maybe")!.values);
  assertEquals(values, rows.map((_, i) => i % 3 === 0 ? NaN : i));
  file.close();
});

Deno.test("openH5ad() names the layers where one is not there", async () => {
  const file = await openH5ad(join(fixtures, "anndata_0_12.h5ad"));
  assertThrows(
    () => file.matrix("counts"),
    DataError,
    `it has no layer "counts" (it has "X", "columns", "dense"`,
  );
  file.close();
});

Deno.test("openH5ad() refuses what is not HDF5, cut off, damaged, or packed by a filter that it lacks", async () => {
  const whole = await Deno.readFile(join(fixtures, "anndata_0_12.h5ad"));
  await inFolder(async (folder) => {
    const refused = async (bytes: Uint8Array, message: string) => {
      const path = join(folder, "x.h5ad");
      await Deno.writeFile(path, bytes);
      await assertRejects(() => openH5ad(path), DataError, message);
    };
    await refused(new Uint8Array(0), "it is empty");
    await refused(new TextEncoder().encode("gene,value\nA,1\n"), "it is not HDF5");
    await refused(new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), "it is gzip");
    await refused(whole.subarray(0, whole.length / 2), "the file is cut off");
  });
  await assertRejects(() => openH5ad(join(fixtures, "packed_lzf.h5ad")), DataError, "is packed with lzf");
  await assertRejects(() => openH5ad(join(fixtures, "nowhere.h5ad")), DataError, "no such file");
});

Deno.test("a damaged chunk is an error, not other numbers", async () => {
  const bytes = await Deno.readFile(join(fixtures, "anndata_0_12.h5ad"));
  await inFolder(async (folder) => {
    let errors = 0;
    const path = join(folder, "x.h5ad");
    // zlib streams of level 4 begin with 0x78 0x5e: their content is overwritten, wherever they are.
    const damaged = bytes.slice();
    for (let at = 0; at + 12 < damaged.length; at++) {
      if (damaged[at] === 0x78 && damaged[at + 1] === 0x5e) damaged.fill(0xff, at + 4, at + 10);
    }
    await Deno.writeFile(path, damaged);
    try {
      const file = await openH5ad(path);
      await denseOf(file.matrix("X"));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      assertEquals(/content is damaged|inconsistent/.test(error.message), true, error.message);
      errors++;
    }
    assertEquals(errors, 1);
  });
});

Deno.test("bytes that were changed anywhere end in a message about the file, whatever they hit", async () => {
  const whole = await Deno.readFile(join(fixtures, "anndata_0_12.h5ad"));
  await inFolder(async (folder) => {
    const path = join(folder, "x.h5ad");
    let refused = 0;
    for (let seed = 0; seed < 40; seed++) {
      const random = new ModelStream(seed, "damage"), bytes = whole.slice();
      for (let i = 0; i < 20; i++) bytes[random.below(bytes.length)] = random.below(256);
      await Deno.writeFile(path, bytes);
      try {
        const file = await openH5ad(path);
        for (const name of ["X", ...file.layers]) await denseOf(file.matrix(name));
        file.close();
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        assertStringIncludes(error.message, "x.h5ad");
        refused++;
      }
    }
    assert(refused > 5, `${refused} of 40`);
  });
});

Deno.test("openH5ad() reads what writeH5ad() wrote", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "out.h5ad"),
      X = { data: Float32Array.from([1, NaN, -2.5, 4, 0, 6]), rows: 2, columns: 3 };
    await writeH5ad(path, {
      obs: { index: ["TFA", "TFB"], columns: { gene_id: ["E1", "E2"], cells: Float64Array.from([3, 4]) } },
      var: { index: ["a", "b", "c"], columns: {} },
      X,
      layers: { adj_p: X },
    });
    const file = await openH5ad(path);
    assertEquals(file.obs.index, ["TFA", "TFB"]);
    assertEquals(Array.from<unknown>(file.obs.columns.get("cells")!.values), [3, 4]);
    assertEquals(await denseOf(file.matrix("X")), [[1, NaN, -2.5], [4, 0, 6]]);
    assertEquals(file.layers, ["adj_p"]);
    file.close();
  });
});

async function denseOf(matrix: ExpressionMatrix): Promise<number[][]> {
  const dense = Array.from({ length: matrix.rows }, () => new Array<number>(matrix.columns).fill(0));
  for await (const { of, first, count, starts, indices, values } of matrix.blocks()) {
    for (let major = 0; major < count; major++) {
      for (let at = starts[major]; at < starts[major + 1]; at++) {
        const minor = indices === null ? at - starts[major] : indices[at];
        if (of === "rows") dense[first + major][minor] = values[at];
        else dense[minor][first + major] = values[at];
      }
    }
  }
  return dense;
}
