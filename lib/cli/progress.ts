/**
 * Progress on standard error: a bar that redraws itself on a terminal, one plain line a step elsewhere.
 *
 *     const folds = foldProgress(flags.progress, splits.folds.length);
 *     for (const fold of splits.folds) {
 *       folds.within(epoch / epochs, `loss ${loss}`);      // any number of times, in long folds
 *       folds.finished(`62 test perturbations`);           // once a fold
 *     }
 *     folds.end();
 */
import { log } from "./log.ts";

/** A bar of `total` steps. */
export class ProgressBar {
  #label: string;
  #total: number;
  #startMs = performance.now();
  #lastDrawMs = -Infinity;
  #terminal: boolean;
  #drawn = false;

  constructor(label: string, total: number, terminal = Deno.stderr.isTerminal()) {
    this.#label = label;
    this.#total = total;
    this.#terminal = terminal;
  }

  /**
   * Show that `done` of the steps are through.
   *
   * @param done may be a fraction of a step; only whole steps get a line where there is no terminal
   */
  update(done: number, text = ""): void {
    const whole = Number.isInteger(done);
    if (!this.#terminal) {
      if (whole && done > 0) write(`${this.#label} ${done}/${this.#total}${text && `: ${text}`}\n`);
      return;
    }
    const nowMs = performance.now();
    if (!whole && nowMs - this.#lastDrawMs < 100) return;
    this.#lastDrawMs = nowMs;
    this.#drawn = true;
    write(`\r\x1b[2K${this.#line(done, nowMs, text)}`);
  }

  /** Leave the bar as it stands and go to the next line. */
  end(): void {
    if (this.#drawn) write("\n");
    this.#drawn = false;
  }

  #line(done: number, nowMs: number, text: string): string {
    const share = Math.min(1, done / this.#total), cells = 24, full = Math.round(share * cells);
    const bar = "█".repeat(full) + "░".repeat(cells - full);
    const elapsedMs = nowMs - this.#startMs;
    const leftMs = share > 0 ? elapsedMs / share - elapsedMs : NaN;
    const times = share > 0 && share < 1 ? `${clock(elapsedMs)}<${clock(leftMs)}` : clock(elapsedMs);
    return `${this.#label} ${bar} ${Math.floor(done)}/${this.#total} ${times} ${text}`.slice(0, 110);
  }
}

/** What a cross-validation tells its user while it runs. */
export interface FoldProgress {
  /** How far the current fold is (0 to 1). Shown with --progress on a terminal only. */
  within(share: number, text?: string): void;
  /** The current fold is done. @param fold its number, counted from 0 as --folds does */
  finished(text?: string, fold?: number): void;
  /** All folds are done. */
  end(): void;
}

/** With --progress a bar over folds; without it one log line a fold. */
export function foldProgress(showBar: boolean, folds: number): FoldProgress {
  let done = 0;
  if (!showBar) {
    return {
      within() {},
      finished: (text = "", fold = done) =>
        log.info(`Fold ${fold} done (${++done} of ${folds})${text && `: ${text}`}`),
      end() {},
    };
  }
  const bar = new ProgressBar("Folds", folds);
  bar.update(0);
  return {
    within: (share, text) => bar.update(done + Math.min(Math.max(share, 1e-6), 1 - 1e-6), text),
    finished: (text) => bar.update(++done, text),
    end: () => bar.end(),
  };
}

function clock(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000), minutes = Math.floor(seconds / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  if (minutes < 60) return `${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
