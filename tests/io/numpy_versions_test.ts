/** Ids and splits as NumPy 2 saves them (tests/fixtures/numpy, by make.py). */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { readNpyStrings } from "../../lib/io/npy.ts";
import { fixtures } from "../support/live_fixtures.ts";

const root = fixtures("numpy");

for (const { name: version, isDirectory } of Deno.readDirSync(root)) {
  if (!isDirectory) continue;
  const path = (name: string) => join(root, version, name);

  Deno.test(`NumPy ${version}: text of any length (StringDType) is a list of ids; a missing one is told`, async () => {
    assertEquals(await readNpyStrings(path("ids.npy")), [
      "ENSG1",
      "",
      "größe",
      "b".repeat(20),
      "a".repeat(300),
    ]);
    assertEquals(await readNpyStrings(path("ids_nan.npy")), ["ENSG1", "ENSG2"]);
    await assertRejects(() => readNpyStrings(path("ids_missing.npy")), DataError, "element 1");
  });

  for (const { name } of Deno.readDirSync(join(root, version))) {
    if (!name.endsWith(".pkl")) continue;
    Deno.test(`NumPy ${version}: the folds of ${name} are read`, async () => {
      const splits = (await readSplitsFile(path(name)))!;
      assertEquals(splits.folds.map(({ train, test }) => [[...train], [...test]]), [
        [[0, 1, 2, 3], [4, 5]],
        [[2, 3, 4, 5], [0, 1]],
      ]);
      assertEquals([splits.nSplits, splits.totalSamples], [2, 6]);
    });
  }
}
