/**
 * Worker threads that fit outputs, a few at a time, as each becomes free. An output's numbers do not depend on which
 * thread fits it, nor on how many there are.
 */
import { DataError } from "../cli/errors.ts";
import type { FitTask, FittedOutput } from "./engine.ts";

/** The first message to a worker: all of a task but the targets. */
export type LoadMessage = Omit<FitTask, "targets">;

/** The messages after it: some outputs and their targets, one output after the other. */
export interface FitMessage {
  readonly outputs: readonly number[];
  readonly targets: Float32Array<ArrayBuffer>;
}

export type Reply =
  | { readonly fitted: FittedOutput[] }
  | { readonly failed: { readonly isData: boolean; readonly message: string } };

/** Fits one output at a time on one data set. */
export interface Fitter {
  fit(output: number, targets: Float32Array): FittedOutput;
}

export class FittingThreads {
  readonly #workers: Worker[];

  constructor(script: URL, threads: number) {
    this.#workers = Array.from({ length: threads }, () => new Worker(script, { type: "module" }));
  }

  /** @throws {DataError} what went wrong in a thread; the threads are of no use then */
  async fit(task: FitTask, onFitted: (fitted: FittedOutput) => void): Promise<void> {
    const { targets, ...load } = task;
    const batch = batchSize(targets.columns, this.#workers.length);
    let next = 0;
    const takeBatch = (): FitMessage | null => {
      if (next >= targets.columns) return null;
      const outputs = Array.from({ length: Math.min(batch, targets.columns - next) }, (_, i) => next + i);
      next += outputs.length;
      return { outputs, targets: columnsOf(targets.data, targets.rows, targets.columns, outputs) };
    };
    await Promise.all(this.#workers.map((worker) => serve(worker, load, takeBatch, onFitted)));
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

/** Fit in this thread, and let others have their turn after each output. */
export async function fitHere(
  fitter: Fitter,
  { targets }: FitTask,
  onFitted: (fitted: FittedOutput) => void,
): Promise<void> {
  for (let output = 0; output < targets.columns; output++) {
    onFitted(fitter.fit(output, columnsOf(targets.data, targets.rows, targets.columns, [output])));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** The worker's side: `open` makes the fitter of a task. */
export function serveFits(open: (load: LoadMessage) => Fitter | Promise<Fitter>): void {
  const scope = self as unknown as {
    onmessage: ((event: MessageEvent<LoadMessage | FitMessage>) => void) | null;
    postMessage(reply: Reply): void;
  };
  let fitter: Promise<Fitter> | null = null;
  scope.onmessage = async ({ data: message }) => {
    if (!("outputs" in message)) {
      fitter = Promise.resolve(open(message));
      fitter.catch(() => {});
      return;
    }
    try {
      const { outputs, targets } = message;
      const rows = targets.length / outputs.length;
      const ready = await fitter!;
      scope.postMessage({
        fitted: outputs.map((output, i) => ready.fit(output, targets.subarray(i * rows, (i + 1) * rows))),
      });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      scope.postMessage({ failed: { isData: error instanceof DataError, message: text } });
    }
  };
}

/** Keep one worker busy until no batch is left. */
function serve(
  worker: Worker,
  load: LoadMessage,
  takeBatch: () => FitMessage | null,
  onFitted: (fitted: FittedOutput) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sendNext = () => {
      const batch = takeBatch();
      if (batch === null) resolve();
      else worker.postMessage(batch, [batch.targets.buffer]);
    };
    worker.onmessage = ({ data: reply }: MessageEvent<Reply>) => {
      if ("failed" in reply) {
        const { isData, message } = reply.failed;
        reject(isData ? new DataError(message) : new Error(message));
        return;
      }
      try {
        reply.fitted.forEach(onFitted);
        sendNext();
      } catch (error) {
        reject(error);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`A tree-fitting thread failed: ${event.message}`));
    };
    worker.postMessage(load);
    sendNext();
  });
}

/** Small enough that the threads end together, large enough that messages cost nothing. */
function batchSize(outputs: number, threads: number): number {
  return Math.max(1, Math.min(4, Math.floor(outputs / (threads * 16))));
}

function columnsOf(
  data: Float32Array,
  rows: number,
  stride: number,
  columns: readonly number[],
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * columns.length);
  columns.forEach((column, i) => {
    for (let row = 0; row < rows; row++) values[i * rows + row] = data[row * stride + column];
  });
  return values;
}
