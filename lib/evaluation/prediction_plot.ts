import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { globalPearson } from "./metrics.ts";
import type { PngRenderer } from "./png_renderer.ts";
import { renderHexbinSvg } from "./plot.ts";

export interface PredictionPlot {
  /** What the title calls the model, and what is shown of it: "Pred vs GT". */
  readonly model: string;
  readonly heading: string;
  readonly truth: Matrix;
  readonly prediction: Matrix;
  readonly format: "png" | "svg";
  /** Range of both axes; as far as the points go when null. */
  readonly limits: readonly [number, number] | null;
}

/**
 * Plot predicted against measured values. The Pearson r in the title is over all cells that are finite on both sides,
 * whatever the limits of the axes.
 *
 * @param renderer draws the PNG beside what the script does meanwhile; without one it is drawn here
 */
export async function writePredictionPlot(
  path: string,
  { model, heading, truth, prediction, format, limits }: PredictionPlot,
  renderer: PngRenderer | null = null,
): Promise<void> {
  const r = globalPearson(truth, prediction);
  const svg = renderHexbinSvg({
    truth: truth.data,
    predicted: prediction.data,
    title: `${shortName(model)}: ${heading}\nGlobal Pearson r = ${Number.isNaN(r) ? "n/a" : r.toFixed(4)}`,
    ...(limits && { limits }),
  });
  if (format === "svg") await writeFileAtomic(path, svg);
  else await writeFileAtomic(path, renderer ? await renderer.render(svg) : await drawnHere(svg));
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
