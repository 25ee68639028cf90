/**
 * Ctrl-C, and SIGTERM as a cluster sends it: one line that says what is kept and how to go on. Whoever has something on the
 * disk registers what that is; `runScript` listens.
 *
 *     const release = onInterrupt(() => ({ kept: '2 of 5 folds in "results/mlp_nt/unfinished"', resume: resumeCommand() }));
 *     ...
 *     release();
 */
import { printError } from "./log.ts";
import { statusLine } from "./status_line.ts";

/** What is kept, in words, and the command that goes on from there; null where nothing is. */
export type Kept = { readonly kept: string; readonly resume: string } | null;

const keepers = new Set<() => Kept>();

/** Register what is kept. The process ends after `keeper`, which may close files. @returns a function that takes it back */
export function onInterrupt(keeper: () => Kept): () => void {
  keepers.add(keeper);
  return () => void keepers.delete(keeper);
}

/** End the process at a signal, with 128 and the signal's number as shells count it: 130 or 143. */
export function listenForInterrupts(): void {
  listen("SIGINT", 130);
  if (Deno.build.os !== "windows") listen("SIGTERM", 143);
}

/** One line for a user who has stopped the run. */
export function interruptText(): string {
  for (const keeper of keepers) {
    const kept = saying(keeper);
    if (kept) return `Stopped. Kept: ${kept.kept}. Go on with: ${kept.resume}`;
  }
  return "Stopped. Nothing is kept";
}

let lastTurnMs = performance.now();

/**
 * To be awaited now and then in long work: signals are only heard when the event loop has a turn, and promises that are
 * ready at once give it none. Takes one of half a second; a timer's, which costs 2 ms, since others do not look for signals.
 */
export async function hearSignals(): Promise<void> {
  if (performance.now() - lastTurnMs < 500) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  lastTurnMs = performance.now();
}

function listen(signal: Deno.Signal, exitCode: number): void {
  Deno.addSignalListener(signal, () => {
    statusLine.clear();
    printError(interruptText());
    Deno.exit(exitCode);
  });
}

function saying(keeper: () => Kept): Kept {
  try {
    return keeper();
  } catch {
    return null; // it was about to be written
  }
}
