import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { openMatrixMarket, readMatrixMarketHead } from "../../lib/io/matrix_market.ts";
import { inFolder } from "../support/temporary_folder.ts";

const head = "%%MatrixMarket matrix coordinate integer general\n% a comment\n";

/** Cells x genes of a file of genes x cells, and whether it came by rows or columns. */
async function read(path: string): Promise<{ dense: number[][]; of: string[] }> {
  const matrix = openMatrixMarket(path, await readMatrixMarketHead(path), true);
  const dense = Array.from({ length: matrix.rows }, () => new Array<number>(matrix.columns).fill(0));
  const kinds: string[] = [];
  for await (const { of, first, count, starts, indices, values } of matrix.blocks()) {
    kinds.push(of);
    for (let major = 0; major < count; major++) {
      for (let at = starts[major]; at < starts[major + 1]; at++) {
        if (of === "rows") dense[first + major][indices![at]] = values[at];
        else dense[indices![at]][first + major] = values[at];
      }
    }
  }
  return { dense, of: kinds };
}

Deno.test("a matrix sorted by cells, one sorted by genes, and one without entries are read", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "matrix.mtx");
    const write = (body: string) => Deno.writeTextFile(path, head + body);
    await write("3 4 4\n1 1 5\n3 1 2\r\n2 3 1.5\n3 4 7\n");
    assertEquals(await read(path), { dense: [[5, 0, 2], [0, 0, 0], [0, 1.5, 0], [0, 0, 7]], of: ["rows"] });
    await write("3 4 4\n1 1 5\n2 3 1.5\n3 1 2\n3 4 7\n");
    assertEquals(await read(path), {
      dense: [[5, 0, 2], [0, 0, 0], [0, 1.5, 0], [0, 0, 7]],
      of: ["columns"],
    });
    await write("1 2 0\n");
    assertEquals((await read(path)).dense, [[0], [0]]);
  });
});

Deno.test("more entries than a block holds come in several blocks, each cell once", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "matrix.mtx"), cells = 21_000, genes = 100;
    const lines = [head, `${genes} ${cells} ${cells * genes}\n`];
    for (let cell = 0; cell < cells; cell++) {
      for (let gene = 0; gene < genes; gene++) {
        lines.push(`${gene + 1} ${cell + 1} ${1 + (cell + gene) % 9}\n`);
      }
    }
    await Deno.writeTextFile(path, lines.join(""));
    const { dense, of } = await read(path);
    assertEquals(of, ["rows", "rows"]);
    const wrong = dense.findIndex((row, cell) => row.some((value, gene) => value !== 1 + (cell + gene) % 9));
    assertEquals(wrong, -1);
  });
});

Deno.test("what is no such matrix is refused with its line", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "matrix.mtx");
    const refused = async (text: string, message: string) => {
      await Deno.writeTextFile(path, text);
      await assertRejects(() => read(path), DataError, message);
    };
    await refused("gene\tcell\n", 'line 1 is not "%%MatrixMarket');
    await refused(head + "3 x 4\n", "line 3 is not rows, columns and entries");
    await refused(head + "3 4 2\n1 1 5\n4 1 2\n", "line 5 is no entry of the matrix");
    await refused(head + "3 4 2\n1 1 5\n2 1 n/d\n", "line 5 is no entry of the matrix");
    await refused(head + "3 4 3\n1 1 5\n2 1 2\n", "it has 2 entries and says it has 3 (is it cut off?)");
    await refused(head + "3 4 4\n1 2 5\n3 1 2\n2 3 1\n1 1 1\n", "sorted neither by cells nor by genes");
  });
});
