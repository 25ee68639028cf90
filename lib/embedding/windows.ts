/** Sequences longer than a model, cut into windows. */
import { UsageError } from "../cli/errors.ts";

export interface Windows {
  /** Letters of a window, and from the start of one to that of the next. */
  readonly size: number;
  readonly step: number;
  /** Whether every window is a row of its own, rather than a part of its sequence's. */
  readonly kept: boolean;
}

/** A stretch of a sequence, from letter `start` on up to but without `end`. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** "6000:3000", or "6000" for windows side by side. @throws {UsageError} for anything else */
export function parseWindows(text: string, { kept }: { kept: boolean }): Windows {
  const [, size, step = size] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(text) ?? [];
  if (!(Number(size) >= 1 && Number(step) >= 1)) {
    throw new UsageError(
      `Cannot use --windows "${text}": expected SIZE:STEP in letters, both from 1 on, such as 6000:3000`,
    );
  }
  if (Number(step) > Number(size)) {
    throw new UsageError(
      `Cannot use --windows ${text}: ${
        Number(step) - Number(size)
      } letters between windows would be left out (a STEP of at most SIZE leaves out none)`,
    );
  }
  return { size: Number(size), step: Number(step), kept };
}

/** "6000:3000". */
export function windowsText({ size, step }: Windows): string {
  return `${size}:${step}`;
}

/** Windows of a sequence: the last one ends with it and may be shorter; a sequence that fits is one window. */
export function windowsOf(length: number, { size, step }: Windows): Stretch[] {
  const windows: Stretch[] = [];
  for (let start = 0;; start += step) {
    windows.push({ start, end: Math.min(length, start + size) });
    if (start + size >= length) return windows;
  }
}

/** What decides whether windows fit a model. */
export interface WindowLimits {
  /** Letters of a token. */
  readonly letters: number;
  /** Tokens of so many letters, special ones included. */
  readonly tokensOf: (letters: number) => number;
  /** Most tokens of a window, and the flag that says so. */
  readonly maxTokens: number;
  readonly flag: string;
}

/** @throws {UsageError} when a window is shorter than a token, or longer than what goes through the model */
export function checkWindows(windows: Windows, { letters, tokensOf, maxTokens, flag }: WindowLimits): void {
  const { size } = windows, text = windowsText(windows);
  if (size < letters) {
    throw new UsageError(
      `Cannot use --windows ${text}: a window of ${size} letters is shorter than a token of this model, ${letters} letters`,
    );
  }
  const tokens = tokensOf(size);
  if (tokens > maxTokens) {
    throw new UsageError(
      `Cannot use --windows ${text}: a window of ${size} letters is ${tokens} tokens, and ${maxTokens} go through the model ` +
        `(smaller windows, or ${flag})`,
    );
  }
}
