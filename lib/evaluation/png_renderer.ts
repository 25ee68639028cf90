import type { Matrix } from "../linalg/matrix.ts";
import type { PredictionPlot } from "./prediction_plot.ts";

/**
 * Draws plots as PNG on a thread of its own. Making the renderer ready takes longer than drawing, so a script starts it first
 * and by the time it has something to draw the thread is waiting.
 *
 *     using renderer = new PngRenderer();
 *     const png = await renderer.draw(plot);
 */
export class PngRenderer implements Disposable {
  readonly #worker = new Worker(new URL("./png_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array<ArrayBuffer>>>();
  /** Measured values, which plots share. */
  readonly #shared = new WeakMap<Float32Array, Float32Array>();
  #failure: Error | null = null;
  #nextId = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, png, failure } }) => {
      const waiting = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (failure === undefined) waiting.resolve(png);
      else waiting.reject(new Error(`Cannot draw the plot: ${failure}`));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = new Error(`Cannot draw plots: ${event.message}`);
      for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
      this.#waiting.clear();
    };
  }

  /** @param plot its numbers are copied once, into memory that both threads see @throws {Error} when it cannot be drawn or the thread did not start */
  draw(plot: PredictionPlot): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++, waiting = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    this.#waiting.set(id, waiting);
    const { truth, prediction, ...rest } = plot;
    this.#worker.postMessage({
      id,
      plot: { ...rest, truth: this.#seen(truth), prediction: shared(prediction) },
    });
    return waiting.promise;
  }

  #seen({ data, rows, columns }: Matrix): Matrix {
    if (!this.#shared.has(data)) this.#shared.set(data, shared({ data, rows, columns }).data);
    return { data: this.#shared.get(data)!, rows, columns };
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

function shared({ data, rows, columns }: Matrix): Matrix {
  const copy = new Float32Array(new SharedArrayBuffer(data.byteLength));
  copy.set(data);
  return { data: copy, rows, columns };
}
