import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { StandardScaler } from "../../lib/dataset/standard_scaler.ts";
import { readNpy } from "../../lib/io/npy.ts";
import { golden, testWith } from "../support/golden.ts";

for (const type of ["f32", "f64"]) {
  testWith(
    golden("classical/unit/scaler"),
    `StandardScaler agrees with scikit-learn on ${type}`,
    async (folder) => {
      const x = await readNpy(`${folder}/x_${type}.npy`), z = await readNpy(`${folder}/z_${type}.npy`);
      const fit: { mean: number[]; scale: number[] } = JSON.parse(
        await Deno.readTextFile(`${folder}/fit_${type}.json`),
      );
      const values = { data: x.data as Float64Array, rows: x.shape[0], columns: x.shape[1] };
      const scaler = new StandardScaler(values);
      fit.mean.forEach((mean, j) =>
        assertAlmostEquals(scaler.mean[j], mean, 1e-9 * Math.max(1, Math.abs(mean)))
      );
      fit.scale.forEach((scale, j) => assertAlmostEquals(scaler.scale[j] / scale, 1, 1e-9));
      const scaled = scaler.transform(values);
      // 1e-6, in units of a float32 z-score; column 4 lies at 10000 with a spread of 0.001, where float32 subtracts coarsely
      const expected = z.data as Float64Array;
      scaled.data.forEach((value, i) =>
        assertAlmostEquals(value, expected[i], 1e-6 * Math.max(1, Math.abs(expected[i])))
      );
    },
  );
}

Deno.test("StandardScaler learns from the given rows and scales others by them", () => {
  const values = { data: Float32Array.of(0, 5, 2, 5, 100, 7), rows: 3, columns: 2 };
  const scaler = new StandardScaler(values, [0, 1]);
  assertEquals([...scaler.mean], [1, 5]);
  assertEquals([...scaler.scale], [1, 1]); // the second column is constant: centred only
  assertEquals([...scaler.transform(values, [2]).data], [99, 2]);
});

Deno.test("StandardScaler scales float64 before it rounds: columns whose differences float32 loses, or that are beyond it", () => {
  const rows = 7, offsets = [0, 20_180_130, 1e9, 1e15], sizes = [1, 1e39, 1e200, 1e300];
  const columns = offsets.length + sizes.length;
  const values = {
    data: Float64Array.from({ length: rows * columns }, (_, at) => {
      const i = Math.floor(at / columns), j = at % columns;
      return j < offsets.length ? offsets[j] + i : sizes[j - offsets.length] * (i - 3);
    }),
    rows,
    columns,
  };
  const { data } = new StandardScaler(values).transform(values);
  // 0 to 6 have mean 3 and variance 4.
  data.forEach((z, at) => assertAlmostEquals(z, (Math.floor(at / columns) - 3) / 2, 1e-6));
});

Deno.test("StandardScaler refuses what is beyond float32 when scaled, naming column and value", () => {
  const values = { data: Float64Array.of(0, 1, 2, 3, 1, 1e40), rows: 3, columns: 2 };
  assertThrows(
    () => new StandardScaler(values, [0, 1]).transform(values),
    DataError,
    "column 1 holds 1e+40, too far from the 2 +- 1 of the rows",
  );
});
