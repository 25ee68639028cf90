/** SVG to PNG. Text needs its font at hand: a character whose font it does not find is missing from the picture. */
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import resvgModule from "@resvg/resvg-wasm/index_bg.wasm" with { type: "bytes" };
import dejaVuSans from "./fonts/DejaVuSans.ttf" with { type: "bytes" };
import { hexagonPixels, layOver } from "./hexagon_pixels.ts";
import type { HexbinLayers } from "./plot.ts";
import { encodePng } from "./png_encoder.ts";

let initialised: Promise<void> | null = null;

/** Make ready what draws; `svgToPng` does so itself where it was not done before. */
export function prepareRenderer(): Promise<void> {
  return initialised ??= initWasm(resvgModule);
}

/**
 * The picture as PNG, `scale` pixels to an SVG unit. All text is set in DejaVu Sans; what the SVG leaves
 * transparent is white.
 *
 * @throws {Error} when the SVG is malformed
 */
export async function svgToPng(svg: string, scale = 1.5): Promise<Uint8Array<ArrayBuffer>> {
  await prepareRenderer();
  const { pixels, width, height } = drawn(svg, { scale, background: "white" });
  return encodePng(pixels, width, height); // half the time of the renderer's own asPng()
}

/** As `svgToPng`, of a picture whose hexagons are drawn by themselves. */
export async function layersToPng(
  { frame, hexagons }: HexbinLayers,
  scale = 1.5,
): Promise<Uint8Array<ArrayBuffer>> {
  await prepareRenderer();
  const { pixels: over, width, height } = drawn(frame, { scale });
  const pixels = hexagonPixels(hexagons, { width, height, scale });
  layOver(pixels, over);
  return encodePng(pixels, width, height);
}

/** RGBA, colours times opacity. */
function drawn(
  svg: string,
  { scale, background }: { scale: number; background?: string },
): { pixels: Uint8Array; width: number; height: number } {
  const renderer = new Resvg(svg, {
    font: { fontBuffers: [dejaVuSans], defaultFontFamily: "DejaVu Sans" },
    fitTo: { mode: "zoom", value: scale },
    ...(background && { background }),
  });
  try {
    const image = renderer.render(), { pixels, width, height } = image;
    image.free();
    return { pixels, width, height };
  } finally {
    renderer.free();
  }
}
