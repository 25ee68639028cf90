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

/** Load and compile what drawing needs, by drawing a little of everything. */
export async function warmUp(): Promise<void> {
  await svgToPng(
    `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><defs><linearGradient id="g">` +
      `<stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient></defs>` +
      `<path d="M9 9l5 3v6l-5 3l-5 -3v-6z" fill="url(#g)" stroke="red" stroke-width="0.4"/>` +
      `<line x1="0" y1="0" x2="9" y2="9" stroke="red" stroke-dasharray="2 1"/>` +
      `<text font-family="DejaVu Sans" font-size="12" x="20" y="20">Pearson r = 0.5</text></svg>`,
  );
}
