/** Progress of a run over sequences: a bar on a terminal, elsewhere a line now and then, with sequences and tokens a second. */
import { log } from "../cli/log.ts";
import { ProgressBar } from "../cli/progress.ts";

const lineEveryMs = 30_000;

export class EmbeddingProgress {
  readonly #label: string;
  readonly #bar: boolean;
  #shown: ProgressBar | null = null;
  #total = 0;
  #noun = "sequences";
  #done = 0;
  #startMs = 0;
  #startedWith = 0;
  #tokens = 0;
  #totalTokens = 0;
  #lastLineMs = 0;

  /** @param bar draw one where there is a terminal */
  constructor(label: string, bar: boolean) {
    this.#label = label;
    this.#bar = bar && Deno.stderr.isTerminal();
  }

  /**
   * @param total sequences, or pieces of sequences, as `noun` says
   * @param tokens of those that are not done
   */
  begin(total: number, done: number, tokens: number, noun: "sequences" | "pieces" = "sequences"): void {
    this.#total = total;
    this.#noun = noun;
    this.#done = this.#startedWith = done;
    this.#tokens = 0;
    this.#totalTokens = tokens;
    this.#startMs = this.#lastLineMs = performance.now();
    if (this.#bar) {
      this.#shown = new ProgressBar(this.#label, total);
      this.#shown.update(done);
    }
  }

  /** Part of the current batch is done, where a batch takes long. */
  within(share: number): void {
    if (share > 0 && share < 1) this.#shown?.update(this.#done + share, this.#rates());
  }

  finished(count: number, tokens: number): void {
    this.#done += count;
    this.#tokens += tokens;
    if (this.#bar) return this.#shown?.update(this.#done, this.#rates());
    const nowMs = performance.now();
    if (nowMs - this.#lastLineMs < lineEveryMs && this.#tokens < this.#totalTokens) return;
    this.#lastLineMs = nowMs;
    log.info(`${this.#label} ${this.#done}/${this.#total}: ${this.#rates()}`);
  }

  end(): void {
    this.#shown?.end();
    this.#shown = null;
  }

  #rates(): string {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = (count: number) => {
      const value = count / seconds;
      return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
    };
    return `${rate(this.#done - this.#startedWith)} ${this.#noun}/s, ${rate(this.#tokens)} tokens/s`;
  }
}
