/** The thread behind `PngRenderer`: draws each SVG that it is sent and answers with the PNG, or with what went wrong. */
/// <reference lib="deno.worker" />
import { svgToPng, warmUp } from "./plot_png.ts";

self.onmessage = async ({ data: { id, svg } }: MessageEvent<{ id: number; svg: string }>) => {
  try {
    const png = await svgToPng(svg);
    self.postMessage({ id, png }, [png.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
};

await warmUp();
