/** The thread behind `PngRenderer`: draws each plot that it is sent and answers with the PNG, or with what went wrong. */
/// <reference lib="deno.worker" />
import { prepareRenderer, svgToPng } from "./plot_png.ts";
import type { PredictionPlot } from "./prediction_plot.ts";
import { predictionSvg } from "./prediction_svg.ts";

self.onmessage = async ({ data: { id, plot } }: MessageEvent<{ id: number; plot: PredictionPlot }>) => {
  try {
    const png = await svgToPng(predictionSvg(plot));
    self.postMessage({ id, png }, [png.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
};

// A plot to warm up with would take more from a short run than its own plots win by it.
await prepareRenderer();
