/** SVG to PNG. Text needs its font at hand: what the renderer does not find it leaves out without a word. */
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import resvgModule from "@resvg/resvg-wasm/index_bg.wasm" with { type: "bytes" };
import dejaVuSans from "dejavu-fonts-ttf/ttf/DejaVuSans.ttf" with { type: "bytes" };

let initialised: Promise<void> | null = null;

/**
 * The picture as PNG, `scale` pixels to an SVG unit. All text is set in DejaVu Sans.
 *
 * @throws {Error} when the SVG is malformed
 */
export async function svgToPng(svg: string, scale = 1.5): Promise<Uint8Array<ArrayBuffer>> {
  initialised ??= initWasm(resvgModule);
  await initialised;
  const renderer = new Resvg(svg, {
    font: { fontBuffers: [dejaVuSans], defaultFontFamily: "DejaVu Sans" },
    fitTo: { mode: "zoom", value: scale },
  });
  try {
    const image = renderer.render();
    const png = new Uint8Array(image.asPng());
    image.free();
    return png;
  } finally {
    renderer.free();
  }
}
