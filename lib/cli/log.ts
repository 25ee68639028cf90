/** Log lines as the Python scripts print them: `[info] ...` and `[warn] ...`, on standard output. */
import { yellow } from "@std/fmt/colors";
import type { FlagDeclarations } from "./flag_declarations.ts";

/** `--json`, for scripts that end with a summary. */
export const jsonFlags = {
  "json": {
    default: false,
    group: "Output",
    help: "print the summary as JSON on standard output, and log lines on standard error",
  },
} as const satisfies FlagDeclarations;

let print = (line: string) => console.log(line);

export const log = {
  info(text: string): void {
    print(`[info] ${text}`);
  },
  warn(text: string): void {
    print(`${colored() ? yellow("[warn]") : "[warn]"} ${text}`);
  },
  /** From now on lines go to standard error: standard output is for the summary alone. */
  toStandardError(): void {
    print = (line) => console.error(line);
  },
};

/** The last line of a script: what came out. */
export function resultLine(text: string): void {
  print(`[result] ${text}`);
}

/** `[warn] N things ...` followed by a line of up to five examples, as in the Python. */
export function warnWithExamples(text: string, examples: readonly string[]): void {
  log.warn(text);
  const shown = examples.slice(0, 5).map((example) => `'${example}'`).join(", ");
  print(`       examples: [${shown}]`);
}

/** "1 perturbation", "3 perturbations". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

function colored(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}
