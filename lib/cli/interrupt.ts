/**
 * What a stopped run keeps. Whoever has something on the disk says so; `runScript` prints it when the user presses Ctrl-C or
 * the system ends the process (SIGTERM), and ends with 130 or 143.
 */

/** What is kept, in words, and the command that goes on from there; null where nothing is. */
export type Kept = { readonly kept: string; readonly resume: string } | null;

const keepers = new Set<() => Kept>();

/** Register what is kept. @returns a function that takes it back */
export function onInterrupt(keeper: () => Kept): () => void {
  keepers.add(keeper);
  return () => void keepers.delete(keeper);
}

/** One line for a user who has stopped the run. */
export function interruptText(): string {
  for (const keeper of keepers) {
    const kept = keeper();
    if (kept) return `Stopped. Kept: ${kept.kept}. Go on with: ${kept.resume}`;
  }
  return "Stopped. Nothing was finished, so nothing is kept.";
}
