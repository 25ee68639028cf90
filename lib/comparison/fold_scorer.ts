/** Looks at all pairs of each fold: here where they are few, on threads where they are many. */
import { type FoldRows, type FoldScores, foldScores } from "./distance_scores.ts";

/** Pairs times genes of a fold above which a thread is worth its start. */
const manyTerms = 2e9;
/** Each thread holds a fold twice. */
const mostThreads = 4;

export class FoldScorer implements Disposable {
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  /** @param termsHere pairs times genes of a fold up to which it is scored here */
  constructor(readonly termsHere = manyTerms) {}

  /** @throws {Error} when a thread did not start */
  async score(fold: FoldRows): Promise<FoldScores> {
    const { rows, columns } = fold.truth;
    if (rows * rows * columns <= this.termsHere) return foldScores(fold);
    const worker = await this.#worker();
    try {
      return await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<FoldScores>) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(`Cannot rank on a thread: ${event.message}`));
        };
        worker.postMessage(fold, [fold.truth.data.buffer, fold.prediction.data.buffer] as ArrayBuffer[]);
      });
    } finally {
      const next = this.#waiting.shift();
      if (next) next(worker);
      else this.#idle.push(worker);
    }
  }

  #worker(): Worker | Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#all.length >= Math.min(mostThreads, navigator.hardwareConcurrency)) {
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
    const worker = new Worker(new URL("./fold_worker.ts", import.meta.url), { type: "module" });
    this.#all.push(worker);
    return worker;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }
}
