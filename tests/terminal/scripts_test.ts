/** Every script in a terminal, where Deno asks for what it does not grant: with the sets of deno.json it never asks. */
import { assertEquals } from "@std/assert";
import { type QuickRun, quickRuns, writeQuickInputs } from "../support/quick_runs.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { denoRun, inTerminal, plain, terminalTest } from "../support/terminal.ts";

const threaded = quickRuns.filter(({ threads }) => threads);
const forHub = threaded.filter(({ script }) => /inference|ia3/.test(script));
const cases: [permissions: string, runs: readonly QuickRun[], threads: number[]][] = [
  ["-P", quickRuns, [1, 2]],
  ["-P=blas", threaded.filter(({ flags }) => !flags.includes("--onnx")), [1, 2]],
  ["-P=hub", forHub, [2]],
];

terminalTest(
  "every script runs in a terminal on one thread and two, under -P, -P=blas and -P=hub, without a question",
  async () => {
    await Promise.all(cases.map((each) => inFolder((cwd) => runAll(cwd, ...each))));
  },
);

async function runAll(
  cwd: string,
  permissions: string,
  runs: readonly QuickRun[],
  counts: number[],
): Promise<void> {
  await writeQuickInputs(cwd);
  for (const { script, flags, threads } of runs) {
    for (const all of threads ? counts.map((count) => `${flags} ${threads} ${count}`) : [flags]) {
      const { code, text, questions } = await inTerminal(denoRun(script, permissions, all), { cwd });
      const what = `${permissions} ${script} ${all}:\n${plain(text)}`;
      assertEquals({ code, questions }, { code: 0, questions: [] }, what);
    }
  }
}
