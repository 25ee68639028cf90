import { assertAlmostEquals, assertThrows } from "@std/assert";
import { readNpy } from "../../lib/io/npy.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";
import { multiplyTransposed, toFloat64 } from "../../lib/linalg/products.ts";
import { ridgeBothSides } from "../../lib/linalg/ridge.ts";
import { golden, testWith } from "../support/golden.ts";

async function matrix(path: string): Promise<Matrix<Float64Array>> {
  const { data, shape } = await readNpy(path);
  return { data: Float64Array.from(data as Float64Array), rows: shape[0], columns: shape[1] };
}

for (
  const [name, tolerance] of [["f64_k8", 1e-9], ["f64_k64_n40", 1e-9], ["f32_k8", 1e-5], [
    "f32_k64_n40",
    1e-5,
  ]] as const
) {
  testWith(
    golden("classical/unit/ridge"),
    `ridgeBothSides() agrees with NumPy on ${name}`,
    async (folder) => {
      const load = (what: string) => matrix(`${folder}/${name}_${what}.npy`);
      const [G, Y, P, test, w, predictions] = await Promise.all(
        ["gene", "y_train", "tf_train", "tf_test", "w", "pred"].map(load),
      );
      const facts: { lambda: number } = JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));
      const means = new Float64Array(Y.rows), centred = toFloat64(Y);
      for (let i = 0; i < Y.rows; i++) {
        for (let j = 0; j < Y.columns; j++) means[i] += Y.data[i * Y.columns + j] / Y.columns;
        for (let j = 0; j < Y.columns; j++) centred.data[i * Y.columns + j] -= means[i];
      }
      const W = ridgeBothSides(G, centred, P, facts.lambda);
      const size = w.data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      // W itself is ten times more sensitive than predictions to the float32 rounding of G'G and P'P in the reference.
      w.data.forEach((value, i) => assertAlmostEquals(W.data[i], value, 10 * tolerance * size));
      const GW = multiplyTransposed(G, { data: transposeOf(W), rows: W.columns, columns: W.rows });
      const ours = multiplyTransposed(GW, test);
      predictions.data.forEach((value, i) => {
        const [sample, gene] = [Math.floor(i / G.rows), i % G.rows]; // stored tests x genes
        assertAlmostEquals(ours.data[gene * test.rows + sample] + means[gene], value, 2 * tolerance);
      });
    },
  );
}

Deno.test("ridgeBothSides() refuses a negative lambda, and a singular system with none", () => {
  const ones = { data: Float64Array.of(1, 1, 1, 1), rows: 2, columns: 2 };
  assertThrows(() => ridgeBothSides(ones, ones, ones, -1), RangeError, "lambda is -1");
  assertThrows(() => ridgeBothSides(ones, ones, ones, 0), RangeError, "not positive definite");
});

function transposeOf({ data, rows, columns }: Matrix<Float64Array>): Float64Array {
  return Float64Array.from(data, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]);
}
