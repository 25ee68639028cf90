/** The page in a real browser: Debian's chromium, driven by Playwright. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { chromium } from "npm:playwright-core@1.56.1";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { main } from "../../scripts/compare.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { noisy, writePredictions, writeResult, writeScreen } from "../support/comparison_data.ts";
import { inFolder } from "../support/temporary_folder.ts";

const browserPath = "/usr/bin/chromium";
const isThere = await Deno.stat(browserPath).then(() => true, () => false);
if (!isThere) {
  console.log(`The page is not tested: there is no ${browserPath} (Debian: apt-get install chromium)`);
}

const hostile = `<img src=x onerror="document.title='run'">'</script>`;

Deno.test({
  name:
    "the page works in Chromium from disk: no error, no request, keyboard, 380 and 1400 pixels, light and dark",
  ignore: !isThere,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    inFolder(async (folder) => {
      const screen = await writeScreen(folder),
        report = join(folder, "a report"),
        page = join(report, "index.html");
      await writeResult(screen, join(folder, "results/good"), noisy(screen, 0.3));
      const file = await writePredictions(join(folder, "x.csv"), noisy(screen, 0.6), {
        ids: screen.tfs,
        genes: screen.genes,
      });
      const args = ["--results", join(folder, "results"), "--predictions", `${hostile}=${file}`];
      await linesPrinted(() => main([...args, "--output", report, "--resamples", "100"]));
      const values = await readParquetFrame(join(report, "explorer_values.parquet"));

      const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
      try {
        for (const width of [380, 1400]) {
          for (const colorScheme of ["light", "dark"] as const) {
            const tab = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
            const problems: string[] = [];
            tab.on("console", (message) => message.type() === "error" && problems.push(message.text()));
            tab.on("pageerror", (error) => problems.push(error.message));
            tab.on("request", (request) =>
              request.url() !== toFileUrl(page).href && problems.push(request.url()));
            await tab.goto(toFileUrl(page).href);
            await tab.waitForSelector("html[data-ready]", { state: "attached" });
            assertEquals(await tab.evaluate("document.documentElement.scrollWidth"), width);
            assertEquals(await tab.title(), "Comparison of expression models");
            assertStringIncludes(await tab.innerText("#table"), hostile.slice(0, 30));
            assertEquals(await tab.locator(".figure svg").count(), 6);

            // Keyboard alone: search, choose, go on.
            await tab.focus("#query");
            await tab.keyboard.type("gene4");
            await tab.keyboard.press("ArrowDown");
            await tab.keyboard.press("ArrowUp");
            await tab.keyboard.press("Enter");
            assertEquals(await tab.innerText("#chosen"), "GENE4");
            assertEquals(await tab.isVisible("#options"), false);
            await tab.fill("#query", screen.tfs[16]);
            await tab.keyboard.press("Enter");
            assertEquals(await tab.innerText("#chosen"), screen.tfs[16]);

            // What is shown is what the file holds, to the rounding that the page states.
            const cells = (await tab.innerText("#top tbody tr:first-child")).split("\t");
            const step = Number(/multiples of ([\d.]+)/.exec(await tab.innerText("#rounding"))![1]);
            const at = values.index.findIndex((tf, i) =>
              tf === screen.tfs[16] && values.labels.gene[i] === cells[0]
            );
            cells.slice(1).forEach((cell, i) => {
              const order = [0, 2, 3, 1][i], whole = values.values.data[at * 4 + order];
              const shown = Number(cell.replace("−", "-"));
              assert(Math.abs(shown - whole) <= step / 2 + 1e-6, `${shown} and ${whole}`);
            });

            // Sorting, another metric, and the table without the own gene.
            await tab.click("#table th:nth-child(3) button");
            assertEquals(await tab.getAttribute("#table th:nth-child(3)", "aria-sort"), "descending");
            await tab.selectOption("#metric", "pearson_delta");
            await tab.selectOption("#kind", "fold");
            await tab.check("#own-gene");
            await tab.click("#copy");
            await tab.locator("#copied", { hasText: "copied" }).waitFor();
            assertEquals(problems, []);
            await tab.close();
          }
        }
      } finally {
        await browser.close();
      }
    }),
});
