import { join } from "@std/path";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { globalPearson } from "./metrics.ts";
import type { PngRenderer } from "./png_renderer.ts";
import { renderHexbinSvg } from "./plot.ts";
import type { ResultFolder } from "./result_folder.ts";

export interface PredictionPlot {
  /** File name without its ending: "pred_vs_gt" or "pred_vs_gt_train". */
  name: string;
  /** First line of the title, behind `model`: "Pred vs GT". */
  heading: string;
  /** What the title calls the model; the name of the result folder without it. */
  model?: string;
  truth: Matrix;
  prediction: Matrix;
  format: "png" | "svg";
  /** Range of both axes; as far as the points go without it. */
  limits?: readonly [number, number] | null;
}

/**
 * Plot predicted against measured values. The Pearson r in the title is over all cells that are finite on both sides,
 * whatever the limits of the axes.
 *
 * @param renderer draws the PNG beside what the script does meanwhile; without one it is drawn here
 * @returns the file's path
 */
export async function writePredictionPlot(
  folder: ResultFolder,
  plot: PredictionPlot,
  renderer: PngRenderer | null = null,
): Promise<string> {
  const { name, heading, truth, prediction, format, limits, model = folder.modelName } = plot;
  const r = globalPearson(truth, prediction);
  const svg = renderHexbinSvg({
    truth: truth.data,
    predicted: prediction.data,
    title: `${shortName(model)}: ${heading}\nGlobal Pearson r = ${Number.isNaN(r) ? "n/a" : r.toFixed(4)}`,
    ...(limits && { limits }),
  });
  const path = join(folder.path, `${name}.${format}`);
  if (format === "svg") {
    await writeFileAtomic(path, svg);
  } else {
    await writeFileAtomic(path, renderer ? await renderer.render(svg) : await drawnHere(svg));
  }
  return path;
}

/** A name that leaves room for the rest of its line: its beginning and its end. */
function shortName(name: string): string {
  const letters = [...name];
  return letters.length <= 40 ? name : `${letters.slice(0, 24).join("")}…${letters.slice(-15).join("")}`;
}

async function drawnHere(svg: string): Promise<Uint8Array> {
  const { svgToPng } = await import("./plot_png.ts"); // its renderer is only loaded where a PNG is made
  return await svgToPng(svg);
}
