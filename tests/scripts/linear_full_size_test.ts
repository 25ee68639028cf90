/** Both linear scripts on the full-size data (377 x 4,912), where this machine has it, against the Python's figures. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as hs27Lel } from "../../scripts/hs27_lel.ts";
import { captured } from "../support/captured_log.ts";
import { fullSizeData, testWith } from "../support/golden.ts";

// Tolerance of the mean r: 1e-6 for PCA, 1e-4 where the Python's float32 products of 512 columns matter.
const cases = [
  {
    main: hs27Lel,
    model: "linear_pca",
    ci: "linear",
    r: 0.283444,
    bounds: [0.2717, 0.29423],
    mse: 0.010472,
    tolerance: 1e-6,
  },
  {
    main: lelEmbed,
    model: "linear_nt_embed",
    ci: "linear_nt",
    r: 0.318261,
    bounds: [0.31108, 0.32477],
    mse: 0.010186,
    tolerance: 1e-4,
  },
];

for (const { main, model, ci, r, bounds, mse, tolerance } of cases) {
  testWith(
    fullSizeData("hs27"),
    `${model} gives the Python's figures at full size, and those of the mean baseline`,
    async (data) => {
      const results = await Deno.makeTempDir();
      try {
        const ntv2 = main === lelEmbed ? ["--ntv2-dir", join(data, "NT-v2-50M")] : [];
        await captured(() =>
          main(["--repo-root", data, "--output-dir", results, "--plot-format", "svg", ...ntv2])
        );
        const read = async (name: string) => JSON.parse(await Deno.readTextFile(join(results, model, name)));
        const { metrics, mean_baseline, P, G } = await read("summary.json");
        assertEquals([P, G], [377, 4912]);
        const printed = 5e-7; // the figures have six decimals
        assertAlmostEquals(metrics.centered_pearson_mean, r, tolerance + printed);
        assertAlmostEquals(metrics.raw_mse_mean, mse, 1e-6);
        assertAlmostEquals(mean_baseline.centered_pearson_mean, 0.248572, 1e-6);
        assertAlmostEquals(mean_baseline.raw_mse_mean, 0.010592, 1e-6);
        const interval = await read(`ci_summary_${ci}_5fold.json`);
        assertAlmostEquals(interval.pearson_mean_ci_lower, bounds[0], tolerance + 5e-6);
        assertAlmostEquals(interval.pearson_mean_ci_upper, bounds[1], tolerance + 5e-6);
      } finally {
        await Deno.remove(results, { recursive: true });
      }
    },
  );
}
