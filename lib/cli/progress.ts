/**
 * Progress on standard error: a bar that redraws itself on a terminal, one plain line a step elsewhere.
 *
 *     const folds = foldProgress(flags.progress, splits.folds.length);
 *     for (const [fold, rows] of splits.folds.entries()) {
 *       folds.within(epoch / epochs, `loss ${loss}`);        // any number of times, in long folds
 *       folds.finished(`62 test perturbations`, fold);       // once a fold
 *     }
 *     folds.end();
 */
import { log } from "./log.ts";
import { statusLine, terminalColumns, writeError } from "./status_line.ts";

/** Cells of the bar where there is room. */
const widest = 24, narrowest = 6;

/** A bar of `total` steps. */
export class ProgressBar {
  #label: string;
  #total: number;
  #startMs = performance.now();
  #lastDrawMs = -Infinity;
  #terminal: boolean;

  constructor(label: string, total: number, terminal = Deno.stderr.isTerminal()) {
    this.#label = label;
    this.#total = total;
    this.#terminal = terminal;
  }

  /** Whether it draws itself; elsewhere it prints lines. */
  get isDrawn(): boolean {
    return this.#terminal;
  }

  /**
   * Show that `done` of the steps are through.
   *
   * @param done may be a fraction of a step; only whole steps get a line where there is no terminal
   */
  update(done: number, text = ""): void {
    const whole = Number.isInteger(done);
    if (!this.#terminal) {
      if (whole && done > 0) writeError(`${this.#label} ${done}/${this.#total}${text && `: ${text}`}\n`);
      return;
    }
    const nowMs = performance.now();
    if (!whole && nowMs - this.#lastDrawMs < 100) return;
    this.#lastDrawMs = nowMs;
    statusLine.draw(this.#line(done, nowMs, text));
  }

  /** Leave the bar as it stands and go to the next line. */
  end(): void {
    if (this.#terminal) statusLine.keep();
  }

  #line(done: number, nowMs: number, text: string): string {
    const share = Math.min(1, done / this.#total);
    const elapsedMs = nowMs - this.#startMs;
    const leftMs = share > 0 ? elapsedMs / share - elapsedMs : NaN;
    const times = share > 0 && share < 1 ? `${clock(elapsedMs)}<${clock(leftMs)}` : clock(elapsedMs);
    return barLine(terminalColumns() - 1, {
      label: this.#label,
      share,
      count: `${Math.floor(done)}/${this.#total}`,
      times,
      text,
    });
  }
}

interface BarParts {
  readonly label: string;
  readonly share: number;
  readonly count: string;
  readonly times: string;
  readonly text: string;
}

/** A line of at most `columns` characters: the text gives way first, then the bar, the label and the times. */
export function barLine(columns: number, { label, share, count, times, text }: BarParts): string {
  const numbers = ` ${count} ${times}`;
  const name = shortened(label, Math.max(8, columns - numbers.length - narrowest - 1));
  const room = columns - name.length - numbers.length - 1;
  if (room < narrowest) return shortened(`${name}${numbers}`, columns);
  const wanted = text.length > 0 ? text.length + 1 : 0;
  const cells = Math.min(widest, Math.max(narrowest, room - wanted));
  const full = Math.round(share * cells);
  const bar = "█".repeat(full) + "░".repeat(cells - full);
  const rest = room - cells - 1;
  return `${name} ${bar}${numbers}${rest > 1 && text ? ` ${shortened(text, rest)}` : ""}`;
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
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

/**
 * With --progress a bar over folds; without it one log line a fold. Folds are named by their numbers from 0, as --folds and
 * the result files name them; how many are done is said beside it.
 *
 * @param folds how many are to be done
 */
export function foldProgress(showBar: boolean, folds: number): FoldProgress {
  let done = 0;
  const bar = showBar ? new ProgressBar("Folds done", folds) : null;
  bar?.update(0);
  return {
    within: (share, text) => bar?.update(done + Math.min(Math.max(share, 1e-6), 1 - 1e-6), text),
    finished(text = "", fold) {
      done++;
      const name = fold === undefined ? [] : [`fold ${fold}`];
      if (bar?.isDrawn) return bar.update(done, [...name, ...text ? [text] : []].join(": "));
      const count = fold === undefined
        ? `${done} of ${folds} folds done`
        : `Fold ${fold} (${done} of ${folds} done)`;
      const line = count + (text && `: ${text}`);
      if (bar) writeError(`${line}\n`);
      else log.info(line);
    },
    end: () => bar?.end(),
  };
}

function clock(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000), minutes = Math.floor(seconds / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  if (minutes < 60) return `${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
