import { assertAlmostEquals, assertEquals } from "@std/assert";
import { principalComponents } from "../../lib/linalg/pca.ts";
import { readNpy } from "../../lib/io/npy.ts";
import { golden, testWith } from "../support/golden.ts";

// Relative to the largest singular value: 1e-5 where the reference was computed in float32, 1e-10 in float64.
for (
  const [name, tolerance] of [["f32_full", 1e-5], ["f32_k10", 1e-5], ["f64_k10", 1e-10], [
    "wide_k5",
    1e-5,
  ]] as const
) {
  testWith(
    golden("classical/unit/pca"),
    `principalComponents() agrees with scikit-learn on ${name}`,
    async (folder) => {
      const x = await readNpy(`${folder}/${name}_x.npy`),
        scores = await readNpy(`${folder}/${name}_scores.npy`);
      const expected = scores.data as Float64Array, [rows, count] = scores.shape;
      const facts: { singular_values: number[] } = JSON.parse(
        await Deno.readTextFile(`${folder}/${name}.json`),
      );
      const ours = principalComponents({
        data: x.data as Float64Array,
        rows: x.shape[0],
        columns: x.shape[1],
      }, count);
      assertEquals([ours.scores.rows, ours.scores.columns], [rows, count]);
      const largest = facts.singular_values[0];
      for (let j = 0; j < count; j++) {
        assertAlmostEquals(ours.singularValues[j], facts.singular_values[j], tolerance * largest);
        let same = 0;
        for (let i = 0; i < rows; i++) same += ours.scores.data[i * count + j] * expected[i * count + j];
        for (let i = 0; i < rows; i++) {
          const score = Math.sign(same) * ours.scores.data[i * count + j];
          assertAlmostEquals(
            score,
            expected[i * count + j],
            tolerance * largest,
            `${name} component ${j}, sample ${i}`,
          );
        }
      }
    },
  );
}
