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
  /** Range of both axes; -1 to 1 without it, as far as the points go when null. */
  limits?: readonly [number, number] | null;
  /** Which cells the r of the title is over: those within the limits (the default), or all. */
  pearsonOf?: "drawn" | "all";
}

/**
 * Plot predicted against measured values, with their Pearson r in the title.
 *
 * @param renderer draws the PNG beside what the script does meanwhile; without one it is drawn here
 * @returns the file's path
 */
export async function writePredictionPlot(
  folder: ResultFolder,
  plot: PredictionPlot,
  renderer: PngRenderer | null = null,
): Promise<string> {
  const { name, heading, truth, prediction, format, limits = [-1, 1] } = plot;
  const { model = folder.modelName, pearsonOf = "drawn" } = plot;
  const r = globalPearson(truth, prediction, pearsonOf === "drawn" && limits ? limits : undefined);
  const svg = renderHexbinSvg({
    truth: truth.data,
    predicted: prediction.data,
    title: `${model}: ${heading}\nGlobal Pearson r = ${r.toFixed(4)}`,
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

async function drawnHere(svg: string): Promise<Uint8Array> {
  const { svgToPng } = await import("./plot_png.ts"); // its renderer is only loaded where a PNG is made
  return await svgToPng(svg);
}
