/**
 * Two plots, compared letter by letter with pictures that were looked at. After a change that is meant:
 *
 *   deno test -P=test tests/evaluation/plot_snapshot_test.ts -- --update
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { writePredictionPlot } from "../../lib/evaluation/prediction_plot.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** Points of a slanted cloud, the same on every machine: a walk by the golden ratio, without sines and logarithms. */
const count = 300;
const uniform = (i: number, step: number) => (i * step) % 1 - 0.5;
const truth = Float32Array.from(
  { length: count },
  (_, i) => uniform(i, 0.6180339887) + uniform(i, 0.7548776662),
);
const prediction = truth.map((value, i) =>
  0.6 * value + 0.5 * uniform(i, 0.5698402910) * uniform(i, 0.3819660113)
);
truth[7] = NaN;
prediction[11] = NaN;
const matrix = (data: Float32Array) => ({ data, rows: 1, columns: count });

const plots = [
  { file: "all_points.svg", model: "linear_pca", limits: null },
  {
    file: "cut_by_limits.svg",
    model: `mlp <"R&D"> ${"with_a_name_that_never_ends_".repeat(4)}v2`,
    limits: [-0.5, 0.5],
  },
] as const;

for (const { file, model, limits } of plots) {
  Deno.test(`The plot ${file} is the one that was looked at`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "plot.svg");
      await writePredictionPlot(path, {
        model,
        heading: "Pred vs GT",
        truth: matrix(truth),
        prediction: matrix(prediction),
        format: "svg",
        limits,
      });
      const svg = await Deno.readTextFile(path), kept = join(import.meta.dirname!, "snapshots", file);
      if (Deno.args.includes("--update")) await Deno.writeTextFile(kept, svg);
      assertEquals(svg, await Deno.readTextFile(kept));
    }));
}
