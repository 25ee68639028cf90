/** Every script in a terminal, where Deno asks for what it does not grant: with the sets of deno.json it never asks. */
import { assertEquals } from "@std/assert";
import { type QuickRun, quickRuns, writeQuickInputs } from "../support/quick_runs.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { denoRun, inTerminal, plain, terminalTest } from "../support/terminal.ts";

const threaded = quickRuns.filter(({ threads }) => threads);
const forHub = threaded.filter(({ script }) => /inference|ia3/.test(script));
const cases: [permissions: string, runs: readonly QuickRun[], threads: number[]][] = [
  ["-P", quickRuns, [1, 2]],
  ["-P=blas", threaded, [1, 2]],
  ["-P=hub", forHub, [2]],
];

for (const [permissions, runs, counts] of cases) {
  terminalTest(
    `scripts run in a terminal under ${permissions} without a question on ${counts.join(" and ")} threads`,
    () =>
      inFolder(async (cwd) => {
        await writeQuickInputs(cwd);
        for (const { script, flags, threads } of runs) {
          for (const all of threads ? counts.map((count) => `${flags} ${threads} ${count}`) : [flags]) {
            const { code, text, questions } = await inTerminal(denoRun(script, permissions, all), { cwd });
            assertEquals(
              { code, questions },
              { code: 0, questions: [] },
              `${script} ${all}:\n${plain(text)}`,
            );
          }
        }
      }),
  );
}
