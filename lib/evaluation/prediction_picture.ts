import { globalPearson } from "./metrics.ts";
import type { HexbinOptions } from "./plot.ts";
import type { PredictionPlot } from "./prediction_plot.ts";

/** What the picture of a plot shows. The Pearson r in its title is over all cells that are finite on both sides, whatever the limits. */
export function predictionPicture(
  { model, heading, truth, prediction, limits }: PredictionPlot,
): HexbinOptions {
  const r = globalPearson(truth, prediction);
  return {
    truth: truth.data,
    predicted: prediction.data,
    title: `${shortName(model)}: ${heading}\nGlobal Pearson r = ${Number.isNaN(r) ? "n/a" : r.toFixed(4)}`,
    ...(limits && { limits }),
  };
}

/** A name that leaves room for the rest of its line: its beginning and its end. */
function shortName(name: string): string {
  const letters = [...name];
  return letters.length <= 40 ? name : `${letters.slice(0, 24).join("")}…${letters.slice(-15).join("")}`;
}
