/** Where compare.ts writes, what it calls models, and what it reads from pipes. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, fromFileUrl } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { ReportFolder } from "../../lib/comparison/report_folder.ts";
import { encodeCsv } from "../../lib/io/csv.ts";
import { main } from "../../scripts/compare.ts";
import { noisy, writePredictions, writeResult } from "../support/comparison_data.ts";
import { inScreen } from "../support/comparison_run.ts";

Deno.test("a report goes into no folder of other things, and none of too long a name", async () => {
  await inScreen(async ({ screen, path }) => {
    await writeResult(screen, path("results/good"), noisy(screen, 0.3));
    const to = (output: string) => main(["--results", path("results"), "--output", output]);
    await assertRejects(() => to(path("results")), DataError, `it is a folder of results, such as "good"`);
    await assertRejects(() => to(path("")), DataError, "it holds other files and no earlier report");
    await assertRejects(() => to(path("é".repeat(128))), UsageError, "its name has 256 bytes");
    await Deno.mkdir(path("mine"));
    await Deno.writeTextFile(path("mine/comparison.json"), `{"format": "else"}`);
    await assertRejects(() => to(path("mine")), DataError, "its comparison.json is of something else");
    assertEquals(await Deno.readTextFile(path("mine/comparison.json")), `{"format": "else"}`);
  });
});

Deno.test("two comparisons do not write one report, and the next one takes away what a killed one left", async () => {
  await inScreen(async ({ screen, path, run }) => {
    await writeResult(screen, path("results/good"), noisy(screen, 0.3));
    const first = await ReportFolder.open(path("report"));
    await assertRejects(() => run("--results", path("results")), DataError, "is at work there");
    await first[Symbol.asyncDispose]();
    await Deno.mkdir(path("report/.new.01234567"));
    await Deno.writeTextFile(path("report/table.csv"), "of a killed run");
    await run("--results", path("results"));
    const hidden = (await Array.fromAsync(Deno.readDir(path("report")))).filter(({ name }) =>
      name.startsWith(".")
    );
    assertEquals(hidden, []);
    await Deno.remove(path("report/comparison.json")); // as Snakemake does before a job that writes it
    await run("--results", path("results"));
  });
});

Deno.test("names of models that are blank, too long or formulas are refused", async () => {
  await inScreen(async ({ screen, path, run }) => {
    const file = await writePredictions(path("p.csv"), noisy(screen, 0.3), {
      ids: screen.tfs,
      genes: screen.genes,
    });
    const named = (name: string) => run("--targets", screen.targets, "--predictions", `${name}=${file}`);
    for (const name of ["+1", "-x", "@SUM(A1)", " =1+1"]) {
      await assertRejects(() => named(name), UsageError, "formula", name);
    }
    await assertRejects(() => named(" "), UsageError, "its NAME is blank");
    await assertRejects(() => named("x".repeat(101)), UsageError, "its NAME has 101 characters");
    await named("x".repeat(100));
    await writeResult(screen, path("results/=good"), noisy(screen, 0.3));
    await assertRejects(() => run("--results", path("results")), UsageError, "formula");
  });
});

Deno.test("messages about predictions do not speak of targets", async () => {
  await inScreen(async ({ screen, path, run }) => {
    const [, ...genes] = screen.genes, row = genes.map(() => 1.5);
    const texts = [
      encodeCsv(["", ...genes], []),
      encodeCsv(["", ...genes], [["", ...row], ["B", ...row]]),
      encodeCsv(genes, [row.map((_, i) => i), row]),
      encodeCsv(["", ...genes], [["A", ...row.map(() => "word")]]),
    ];
    for (const text of texts) {
      await Deno.writeTextFile(path("p.csv"), text);
      const args = ["--targets", screen.targets, "--predictions", `p=${path("p.csv")}`];
      const { message } = await assertRejects(() => run(...args), DataError);
      assertStringIncludes(message, "p.csv");
      assertEquals(/use targets|--targets-id-col/.test(message), false, message);
    }
  });
});

Deno.test("results that are skipped for their names are told, and taken when they are named", async () => {
  await inScreen(async ({ screen, path, run, comparison }) => {
    for (const name of ["good", "good.bak", ".hidden"]) {
      await writeResult(screen, path(`results/${name}`), noisy(screen, 0.3));
    }
    assertStringIncludes(await run("--results", path("results")), "Left out 2 results (.hidden, good.bak)");
    await run("--results", path("results/good.bak"), path("results/.hidden"));
    assertEquals(Object.keys((await comparison()).table), ["good.bak", ".hidden", "mean baseline"]);
  });
});

Deno.test({
  name: "tables come from standard input, and what cannot is told without Deno's advice",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await inScreen(async ({ screen, path }) => {
      const root = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
      const file = await writePredictions(path("p.csv"), noisy(screen, 0.3), {
        ids: screen.tfs,
        genes: screen.genes,
      });
      const common = ["run", "-q", "-P", "--config", `${root}/deno.json`, `${root}/scripts/compare.ts`];
      const start = async (...args: string[]) => {
        const child = new Deno.Command(Deno.execPath(), {
          args: [...common, "--resamples", "20", ...args],
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const writer = child.stdin.getWriter();
        await writer.write(await Deno.readFile(file)).catch(() => {});
        await writer.close().catch(() => {});
        const { code, stdout, stderr } = await child.output();
        return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
      };
      const piped = ["--targets", screen.targets, "--predictions", "p=/dev/stdin"];
      const { code, text } = await start(...piped, "--output", path("report"));
      assertEquals(code, 0, text);
      for (const args of [["--results", "/dev/stdin"], [...piped, "--output", "/dev/fd/7"]]) {
        const refused = await start(...args);
        assertEquals(refused.code, 1, refused.text);
        assertEquals(refused.text.includes("--allow"), false, refused.text);
      }
    });
  },
});
