/**
 * Log lines as the Python scripts print them: `[info] ...` and `[warn] ...`, on standard output. They are best effort: a
 * reader that has gone (`| head`) or a full device does not stop the work. What a script is asked to print goes through
 * `printOutput`, which tells.
 */
import { yellow } from "@std/fmt/colors";
import { DataError } from "./errors.ts";
import type { FlagDeclarations } from "./flag_declarations.ts";
import { statusLine } from "./status_line.ts";

/** `--json`, for scripts that end with a summary. */
export const jsonFlags = {
  "json": {
    default: false,
    group: "Output",
    help: "print the summary as JSON on standard output, and log lines on standard error",
  },
} as const satisfies FlagDeclarations;

let onStandardError = false;

/** Lines of a run, on standard output. */
export const log = {
  /** A line of what is done. */
  info(text: string): void {
    print(`[info] ${oneLine(text)}`);
  },
  /** A line of what a user should look at; the run goes on. */
  warn(text: string): void {
    print(`${colored() ? yellow("[warn]") : "[warn]"} ${oneLine(text)}`);
  },
  /** From now on lines go to standard error: standard output is for the summary alone. */
  toStandardError(): void {
    onStandardError = true;
  },
};

/** The last line of a script: what came out. */
export function resultLine(text: string): void {
  print(`[result] ${oneLine(text)}`);
}

/** `[warn] N things ...` followed by a line of up to five examples, as in the Python. */
export function warnWithExamples(text: string, examples: readonly string[]): void {
  log.warn(text);
  const shown = examples.slice(0, 5).map((example) => `'${example}'`).join(", ");
  print(oneLine(`       examples: [${shown}]`));
}

/** Line ends as spaces; other control characters, by which text from data could write over a terminal, as U+FFFD. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]\s*/g, " ").replaceAll(/\p{Cc}/gu, "\ufffd");
}

/** One line on standard error, as far as that is possible. */
export function printError(text: string): void {
  bestEffort(() => console.error(text));
}

/**
 * Text that the script was asked for (--help, --json), on standard output. A reader that has seen enough ends it quietly.
 *
 * @throws {DataError} where it cannot be written
 */
export function printOutput(text: string): void {
  try {
    statusLine.aside(() => console.log(text));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return;
    throw new DataError(`Cannot write to standard output: ${(error as Error).message}`, { cause: error });
  }
}

/** "1 perturbation", "3 perturbations". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

function print(line: string): void {
  bestEffort(() => onStandardError ? console.error(line) : console.log(line));
}

function bestEffort(print: () => void): void {
  statusLine.aside(() => {
    try {
      print();
    } catch {
      // Closed, a reader that is gone, or a device that is full.
    }
  });
}

function colored(): boolean {
  return (onStandardError ? Deno.stderr : Deno.stdout).isTerminal() && !Deno.noColor;
}
