import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { groupsOfRows, readGroupTable } from "../../lib/dataset/groups.ts";
import fixture from "../fixtures/baselines/group_folds.json" with { type: "json" };
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const read = (text: string, name = "families.csv") => async (folder: string) => {
  const path = join(folder, name);
  await Deno.writeTextFile(path, text);
  return await readGroupTable(path);
};

Deno.test("groupsOfRows() numbers groups as numpy.unique does", () => {
  for (const { names, groups } of fixture.cases) {
    const ids = names.map((_, i) => `TF${i}`);
    const table = { path: "families.csv", head: "tf", ids, groups: names, strata: null };
    assertEquals([...groupsOfRows(table, { ids, path: "targets.csv" }).of], groups);
  }
});

Deno.test("readGroupTable() takes the column group, else the second, with commas or tabs", () =>
  inFolder(async (folder) => {
    const plain = await read("tf,family\nA,x\nB,y\nA,x\n")(folder);
    assertEquals([plain.ids, plain.groups, plain.strata], [["A", "B"], ["x", "y"], null]);
    const named = await read("tf\tclass\tgroup\tstratum\nA\tq\tx\thigh\n", "f.tsv")(folder);
    assertEquals([named.groups, named.strata], [["x"], ["high"]]);
  }));

Deno.test("readGroupTable() refuses a single column and an id in two groups", () =>
  inFolder(async (folder) => {
    await assertRejects(() => read("tf\nA\n")(folder), DataError, "it has one column");
    await assertRejects(
      () => read("tf,group\nA,x\nB,y\nA,z\n")(folder),
      DataError,
      `A is "x" in row 2 and "z" in row 4`,
    );
  }));

Deno.test("perturbations without a group are each by themselves, and are counted", async () => {
  const table = {
    path: "families.csv",
    head: "tf",
    ids: ["A", "B", "C"],
    groups: ["x", "", "x"],
    strata: null,
  };
  const { result, lines } = await captured(() =>
    groupsOfRows(table, { ids: ["a", "B", "C", "D"], path: "targets.csv" })
  );
  assertEquals([[...result.of], result.names, result.alone], [[0, 1, 0, 2], ["x", "B", "D"], 2]);
  assertEquals(lines.filter((line) => line.includes("group by itself")).length, 2);
});

Deno.test("groupsOfRows() refuses a table without a header", () =>
  inFolder(async (folder) => {
    const table = await read("tp53,x\nMYC,y\n")(folder);
    const find = () => groupsOfRows(table, { ids: ["TP53", "MYC"], path: "targets.csv" });
    assertThrows(find, DataError, "its first row names a perturbation, tp53");
  }));
