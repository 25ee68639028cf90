/** How far the fine-tuning of a fold is, how many tokens a second it handles, and how long it will still take. */

/** Time of a trained token over that of one that is only predicted: forward and backward against forward. */
const trainingWeight = 2.5;

export class TrainingClock {
  readonly #startMs: number;
  readonly #now: () => number;
  readonly #totalWork: number;
  /** Tokens of an average update. */
  readonly #tokensOfStep: number;
  readonly #evaluationTokens: number;
  readonly #stepsOfEpoch: number;
  #steps = 0;
  #workDone = 0;
  /** Work that an earlier run did, before this clock started. */
  #workBefore = 0;

  constructor(
    tokenIds: readonly Int32Array[],
    train: ArrayLike<number>,
    selection: ArrayLike<number>,
    { steps, stepsOfEpoch }: { steps: number; stepsOfEpoch: number },
    now: () => number = () => performance.now(),
  ) {
    const tokensOf = (rows: ArrayLike<number>) =>
      Array.from(rows, (row) => tokenIds[row].length).reduce((sum, length) => sum + length, 0);
    this.#tokensOfStep = tokensOf(train) / stepsOfEpoch;
    this.#evaluationTokens = tokensOf(selection);
    this.#stepsOfEpoch = stepsOfEpoch;
    this.#totalWork = this.#workOf(steps) + (steps % stepsOfEpoch === 0 ? 0 : this.#evaluationTokens);
    this.#now = now;
    this.#startMs = now();
  }

  /** An update is through. @param step updates so far, those of an earlier run included */
  trained(step: number, tokens: number): void {
    if (step !== this.#steps + 1) this.#workBefore = this.#workOf(step - 1);
    this.#steps = step;
    this.#workDone += trainingWeight * tokens;
  }

  /** So many tokens of an evaluation are through. */
  evaluated(tokens: number): void {
    this.#workDone += tokens;
  }

  /** From 0 to 1. */
  get share(): number {
    return Math.min(1, (this.#workBefore + this.#workDone) / this.#totalWork);
  }

  /** Tokens that training handles a second, and the time left for this fold. */
  text(): string {
    const seconds = (this.#now() - this.#startMs) / 1000;
    const rate = this.#workDone / trainingWeight / seconds;
    const left = (1 - this.share) * this.#totalWork / (this.#workDone / seconds);
    return `${rate.toFixed(0)} tokens/s, ${duration(left)} left`;
  }

  /** Work up to the end of update `steps`, with the evaluations of whole epochs. */
  #workOf(steps: number): number {
    return steps * this.#tokensOfStep * trainingWeight +
      Math.floor(steps / this.#stepsOfEpoch) * this.#evaluationTokens;
  }
}

/** "41 s", "12 min", "3 h 05 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
