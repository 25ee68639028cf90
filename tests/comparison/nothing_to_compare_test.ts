/** compare.ts names no winner where there is none, and no interval where nothing varies. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeCsv } from "../../lib/io/csv.ts";
import { noisy, type Screen, writePredictions, writeResult } from "../support/comparison_data.ts";
import { inScreen } from "../support/comparison_run.ts";

function writeTargets({ targets, tfs, genes }: Screen, valueOf: (row: number) => number | string) {
  return Deno.writeTextFile(
    targets,
    encodeCsv(["gene_name", ...genes], tfs.map((tf, row) => [tf, ...genes.map(() => valueOf(row))])),
  );
}

Deno.test("targets of nothing but 0, NaN or one value are nothing to compare", async () => {
  await inScreen(async ({ screen, path, run }) => {
    for (
      const [value, what] of [[0, "nothing but 0"], ["nan", "no number"], [
        2,
        "nothing but the mean",
      ]] as const
    ) {
      await writeTargets(screen, (row) => what === "no number" && row === 0 ? "" : value);
      await writeResult(screen, path("good"), noisy(screen, 0.3));
      await assertRejects(() => run("--results", path("good")), DataError, what);
      await assertRejects(() => Deno.stat(path("report/comparison.json")));
    }
  });
});

Deno.test("a single TF has values without intervals and p", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    await writeResult(screen, path("good"), noisy(screen, 0.3));
    const one = { data: noisy(screen, 0.6).data.slice(60, 120), rows: 1, columns: 60 };
    const file = await writePredictions(path("one.csv"), one, { ids: [screen.tfs[1]], genes: screen.genes });
    const printed = await run("--results", path("good"), "--predictions", `one=${file}`);
    assertEquals(/95%/.test(printed), false);
    const { table, pairs } = await comparison();
    const { mean, lower, upper, n } = table.one.error_ratio;
    assert(mean > 0);
    assertEquals([lower, upper, n], [null, null, 1]);
    assert(pairs.every((pair: Record<string, unknown>) => pair.p === null && pair.lower === null));
  });
});

Deno.test("an edited manifest is told as such, field by field, before anything is scored", async () => {
  await inScreen(async ({ screen, path, run }) => {
    await writeResult(screen, path("good"), noisy(screen, 0.3));
    const manifest = JSON.parse(await Deno.readTextFile(path("good/manifest.json")));
    const wrong: [string, unknown][] = [
      ...Object.keys(manifest).flatMap((key) =>
        [undefined, null, 7].map((value) => [key, value] as [string, unknown])
      ),
      ["inputs", [null]],
      ["inputs", [{ path: 3 }]],
      ["flags", []],
      ["engines", "cpu"],
      ["files", [{ ...manifest.files[0], path: "../x" }]],
    ];
    for (const [key, value] of wrong) {
      await Deno.writeTextFile(path("good/manifest.json"), JSON.stringify({ ...manifest, [key]: value }));
      const { message } = await assertRejects(() => run("--results", path("good")), DataError);
      assertStringIncludes(message, `good/manifest.json": it is no manifest`, key);
      if (key !== "format" && key !== "version") assertStringIncludes(message, `"${key}"`);
    }
    for (const text of ["null", "[]", "3", `"x"`]) {
      await Deno.writeTextFile(path("good/manifest.json"), text);
      await assertRejects(() => run("--results", path("good")), DataError, "it is no manifest");
    }
  });
});

Deno.test("numbers beyond float32 are told as such", async () => {
  await inScreen(async ({ screen, path, run }) => {
    const values = noisy(screen, 0.3),
      rows = screen.tfs.map((tf, i) => [tf, ...values.data.subarray(60 * i, 60 * i + 60)]);
    rows[2].fill("1e200", 1);
    rows[5][7] = "-1e39";
    await Deno.writeTextFile(path("p.csv"), encodeCsv(["", ...screen.genes], rows));
    const printed = await run("--targets", screen.targets, "--predictions", `p=${path("p.csv")}`);
    assertStringIncludes(
      printed,
      `perturbation (${screen.tfs[2]}), 61 cells infinite or beyond what float32 holds`,
    );
  });
});
