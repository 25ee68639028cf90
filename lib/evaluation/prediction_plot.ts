import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { PngRenderer } from "./png_renderer.ts";

/** Predicted against measured values. */
export interface PredictionPlot {
  /** What the title calls the model, and what is shown of it: "Pred vs GT". */
  readonly model: string;
  readonly heading: string;
  readonly truth: Matrix;
  readonly prediction: Matrix;
  /** Range of both axes; as far as the points go when null. */
  readonly limits: readonly [number, number] | null;
}

/**
 * The picture as its file holds it.
 *
 * @param renderer draws a PNG beside what the script does meanwhile; without one it is drawn here
 */
export async function drawPredictionPlot(
  plot: PredictionPlot,
  format: "png" | "svg",
  renderer: PngRenderer | null = null,
): Promise<string | Uint8Array> {
  if (format === "png" && renderer) return await renderer.draw(plot);
  const { predictionPicture } = await import("./prediction_picture.ts"); // drawing is only loaded where it is done
  const { renderHexbinLayers, renderHexbinSvg } = await import("./plot.ts");
  if (format === "svg") return renderHexbinSvg(predictionPicture(plot));
  const { layersToPng } = await import("./plot_png.ts");
  return await layersToPng(renderHexbinLayers(predictionPicture(plot)));
}

/** Draw a plot into a file. */
export async function writePredictionPlot(
  path: string,
  { format, ...plot }: PredictionPlot & { readonly format: "png" | "svg" },
): Promise<void> {
  await writeFileAtomic(path, await drawPredictionPlot(plot, format));
}
