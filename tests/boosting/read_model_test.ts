/** Model files that XGBoost 2.1 to 3.4 saved (tests/fixtures/xgboost, by make.py), and damaged ones. */
import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { parseModel, parseModels } from "../../lib/boosting/read_model.ts";
import { predict } from "../../lib/boosting/tree.ts";
import { DataError } from "../../lib/cli/errors.ts";
import { fixtures } from "../support/live_fixtures.ts";

const folder = fixtures("xgboost");
const versions = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory).map(({ name }) =>
  name
)
  .sort();

for (const version of versions) {
  const read = (name: string) => Deno.readFileSync(join(folder, version, name));
  const expected = JSON.parse(Deno.readTextFileSync(join(folder, version, "expected.json")));
  const data = Float32Array.from(expected.x as (number | null)[], (value) => value ?? NaN);
  const x = { data, rows: data.length / expected.features, columns: expected.features };

  for (const name of ["one.json", "one.ubj", "outputs.json", "outputs.ubj", "forest.ubj"]) {
    Deno.test(`parseModels() reads XGBoost ${version}'s ${name}: its predictions, to the last bit`, () => {
      const predictions = parseModels(read(name), name).map((model) => predict(model, x));
      const together = Array.from(
        { length: x.rows },
        (_, row) => predictions.map((output) => output[row]),
      ).flat();
      assertEquals(together, expected[name.replace(/\..*/, "")].map(Math.fround));
    });
  }

  Deno.test(`parseModel() refuses by name what it does not read of XGBoost ${version}`, () => {
    const refuse = (name: string, message: string) =>
      assertThrows(() => parseModel(read(name), name), DataError, message);
    refuse("outputs.ubj", "it has 3 outputs, expected one");
    refuse("vector_leaves.json", "tree 0 has leaves of 3 outputs, which are not read");
    refuse("categories.ubj", `tree 0 splits node 0 by categories of feature "cell type"`);
  });
}

Deno.test("parseModels() tells a cut or damaged UBJSON file from a whole one, wherever the damage is", () => {
  const bytes = Deno.readFileSync(join(folder, versions[0], "one.ubj"));
  for (let length = 2; length < bytes.length; length += 97) {
    assertThrows(
      () => parseModels(bytes.slice(0, length), "cut.ubj"),
      DataError,
      `Cannot read model "cut.ubj": it is cut off after ${length} bytes`,
    );
  }
  const damaged = (change: (copy: Uint8Array) => void, message: string) => {
    const copy = bytes.slice();
    change(copy);
    assertThrows(() => parseModels(copy, "m.ubj"), DataError, message);
  };
  // The first key's length: larger than any file, and below 0.
  damaged((copy) => copy[2] = 0x40, "it is cut off");
  damaged((copy) => copy[2] = 0xff, "it is damaged UBJSON");
  damaged((copy) => copy[17] = 0x3f, `begins no value`);
  // Any one byte changed ends in a model or in a DataError, and soon.
  for (let at = 0; at < bytes.length; at += 5) {
    const copy = bytes.slice();
    copy[at] ^= 0x5a;
    try {
      parseModels(copy, "m.ubj");
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
});
