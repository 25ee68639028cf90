/** The thread behind `PngRenderer`: draws each SVG that it is sent and answers with the PNG, or with what went wrong. */
/// <reference lib="deno.worker" />
import { renderHexbinSvg } from "./plot.ts";
import { svgToPng } from "./plot_png.ts";

self.onmessage = async ({ data: { id, svg } }: MessageEvent<{ id: number; svg: string }>) => {
  try {
    const png = await svgToPng(svg);
    self.postMessage({ id, png }, [png.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
};

// The renderer's code is compiled, and compiled again to run fast, as it is used: a plot of 4,000 points, which nobody sees,
// gets that done while the script still computes.
const points = Float32Array.from({ length: 4000 }, (_, i) => (i % 63) / 40 - 0.8);
const shifted = points.map((x, i) => x * Math.floor(i / 63) / 63);
await svgToPng(renderHexbinSvg({ truth: points, predicted: shifted, title: "Warm up", limits: [-1, 1] }));
