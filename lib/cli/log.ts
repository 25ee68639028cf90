/** Log lines as the Python scripts print them: `[info] ...` and `[warn] ...`, on standard output. */
import { yellow } from "@std/fmt/colors";

export const log = {
  info(text: string): void {
    console.log(`[info] ${text}`);
  },
  warn(text: string): void {
    console.log(`${colored() ? yellow("[warn]") : "[warn]"} ${text}`);
  },
};

/** `[warn] N things ...` followed by a line of up to five examples, as in the Python. */
export function warnWithExamples(text: string, examples: readonly string[]): void {
  log.warn(text);
  const shown = examples.slice(0, 5).map((example) => `'${example}'`).join(", ");
  console.log(`       examples: [${shown}]`);
}

/** "1 perturbation", "3 perturbations". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

function colored(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}
