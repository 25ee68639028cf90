/**
 * A script of a few lines that logs, shows progress and works, for the tests of this folder.
 *
 *   deno run -P tests/terminal/steps.ts --progress --milliseconds 5
 */
import { parseFlags } from "../../lib/cli/flags.ts";
import { hearSignals, onInterrupt } from "../../lib/cli/interrupt.ts";
import { jsonFlags, log, printOutput, resultLine } from "../../lib/cli/log.ts";
import { foldProgress } from "../../lib/cli/progress.ts";
import { runScript } from "../../lib/cli/script.ts";
import { resumeCommand } from "../../lib/cli/command_line.ts";

async function main(args: string[]): Promise<void> {
  const flags = parseFlags(
    {
      "progress": { default: false, help: "show a bar" },
      "milliseconds": { default: 1, min: 0, help: "duration of a step" },
      "endless": {
        default: null,
        type: "integer",
        min: 0,
        help: "fold that goes on until the script is stopped",
      },
      "keep": { default: false, help: "say that folds are kept" },
      "note": { default: "loss 0.25", help: "text beside the bar" },
      "fail": { default: false, help: "end with an error nobody expected" },
      ...jsonFlags,
    },
    { script: "tests/terminal/steps.ts", about: "Steps." },
    args,
  );
  if (flags.json) log.toStandardError();
  const folds = 5, steps = 40;
  let done = 0;
  onInterrupt(() =>
    flags.keep && done > 0
      ? {
        kept: `${done} of ${folds} folds in "my results"`,
        resume: resumeCommand(),
      }
      : null
  );
  const progress = foldProgress(flags.progress, folds);
  for (let fold = 0; fold < folds; fold++) {
    for (let step = 1; step < steps || fold === flags.endless; step++) {
      const endMs = performance.now() + flags.milliseconds;
      // Work that gives no turn to the event loop by itself, as the CPU engine's does.
      while (performance.now() < endMs) await Promise.resolve();
      await hearSignals();
      progress.within(step % steps / steps, `fold ${fold}, ${flags.note}`);
    }
    log.warn(`About fold ${fold}`);
    if (flags.fail) Promise.reject(new TypeError("x is undefined"));
    done++;
    progress.finished(flags.note, fold);
  }
  progress.end();
  resultLine("r 0.75");
  if (flags.json) printOutput(JSON.stringify({ r: 0.75 }));
}

if (import.meta.main) await runScript(main, import.meta);
