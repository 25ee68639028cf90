/** The thread behind `PngRenderer`: draws each plot that it is sent and answers with the PNG, or with what went wrong. */
/// <reference lib="deno.worker" />
import { svgToPng } from "./plot_png.ts";
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

// The renderer's code is compiled, and compiled again to run fast, as it is used: a plot of 4,000 points, which nobody sees,
// gets that done while the script still computes.
const points = Float32Array.from({ length: 4000 }, (_, i) => (i % 63) / 40 - 0.8);
const shifted = points.map((x, i) => x * Math.floor(i / 63) / 63);
const row = (data: Float32Array) => ({ data, rows: 1, columns: data.length });
const warmUp = { model: "", heading: "Warm up", truth: row(points), prediction: row(shifted), limits: null };
await svgToPng(predictionSvg(warmUp));
