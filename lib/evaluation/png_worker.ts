/** The thread behind `PngRenderer`: draws each plot that it is sent and answers with the PNG, or with what went wrong. */
/// <reference lib="deno.worker" />
import { renderHexbinLayers } from "./plot.ts";
import { layersToPng, prepareRenderer } from "./plot_png.ts";
import type { PredictionPlot } from "./prediction_plot.ts";
import { predictionPicture } from "./prediction_picture.ts";

self.onmessage = async ({ data: { id, plot } }: MessageEvent<{ id: number; plot: PredictionPlot }>) => {
  try {
    const png = await layersToPng(renderHexbinLayers(predictionPicture(plot)));
    self.postMessage({ id, png }, [png.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
};

// A plot to warm up with would take more from a short run than its own plots win by it.
await prepareRenderer();
