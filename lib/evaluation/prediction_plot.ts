import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { globalPearson } from "./metrics.ts";
import type { PngRenderer } from "./png_renderer.ts";
import { renderHexbinSvg } from "./plot.ts";

export interface PredictionPlot {
  /** First line of the title: "mlp_nt: Pred vs GT". */
  readonly title: string;
  readonly truth: Matrix;
  readonly prediction: Matrix;
  readonly format: "png" | "svg";
  /** Range of both axes; as far as the points go when null. */
  readonly limits: readonly [number, number] | null;
}

/**
 * Plot predicted against measured values. The r in the title is over all measured cells, also those beyond the limits.
 *
 * @param renderer draws the PNG beside what the script does meanwhile; without one it is drawn here
 */
export async function writePredictionPlot(
  path: string,
  { title, truth, prediction, format, limits }: PredictionPlot,
  renderer: PngRenderer | null = null,
): Promise<void> {
  const r = globalPearson(truth, prediction);
  const svg = renderHexbinSvg({
    truth: truth.data,
    predicted: prediction.data,
    title: `${title}\nGlobal Pearson r = ${r.toFixed(4)}`,
    limits: limits ?? symmetricLimits(truth, prediction),
  });
  if (format === "svg") await writeFileAtomic(path, svg);
  else await writeFileAtomic(path, renderer ? await renderer.render(svg) : await drawnHere(svg));
}

/** A range about 0 that holds all finite points of both sides, ending at a round number. */
function symmetricLimits(truth: Matrix, prediction: Matrix): [number, number] {
  let largest = 0;
  truth.data.forEach((value, i) => {
    const size = Math.max(Math.abs(value), Math.abs(prediction.data[i]));
    if (size > largest && size < Infinity) largest = size;
  });
  if (largest === 0) return [-1, 1];
  const unit = 10 ** Math.floor(Math.log10(largest)) / 2;
  const end = unit * Math.ceil(largest / unit * (1 + 1e-9));
  return [-end, end];
}

async function drawnHere(svg: string): Promise<Uint8Array> {
  const { svgToPng } = await import("./plot_png.ts"); // its renderer is only loaded where a PNG is made
  return await svgToPng(svg);
}
