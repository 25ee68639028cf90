import { assertAlmostEquals, assertEquals } from "@std/assert";
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
