/** The picture of a model: predicted against true values, as hexagonal bins coloured by how many points they hold. */
import { scaleLinear, scaleLog } from "d3-scale";
import { interpolateViridis } from "d3-scale-chromatic";
import { escapeMarkup } from "../io/escape.ts";
import type { Hexagons } from "./hexagon_pixels.ts";
import { type HexagonBins, hexagonBins } from "./hexbin.ts";

export interface HexbinOptions {
  /** True values; points where either value is not finite are left out. */
  truth: Float32Array;
  /** Predicted values, as many. */
  predicted: Float32Array;
  /** Lines above the plot, parted by \n. */
  title: string;
  xLabel?: string;
  yLabel?: string;
  /** Range of both axes; without it a round one that holds all points, the same to both sides of 0 where they are. */
  limits?: readonly [number, number];
  /** Hexagons along x. */
  across?: number;
}

/** Frame of the plot and its colour bar in the picture, in SVG units. */
const picture = { width: 860, height: 760 };
const plot = { left: 100, top: 74, width: 600, height: 600 };
const bar = { left: 730, top: 74, width: 24, height: 600 };
const font = `font-family="DejaVu Sans, Verdana, sans-serif"`;

/**
 * An SVG of the points: hexagons (50 across), a colour bar of log10 counts, the dashed red diagonal where both values
 * are equal, labelled axes.
 */
export function renderHexbinSvg(options: HexbinOptions): string {
  const { head, hexagons, above } = partsOf(options, allAround);
  const ground = `<rect width="${picture.width}" height="${picture.height}" fill="white"/>`;
  return svgOf([...head, ground, hexagonPaths(hexagons), ...above]);
}

/** The same picture in two layers: hexagons on a white ground, and the SVG of what lies above them. */
export type HexbinLayers = { readonly hexagons: Hexagons; readonly frame: string };

/** As `renderHexbinSvg`, for those who draw many hexagons quicker than as paths. */
export function renderHexbinLayers(options: HexbinOptions): HexbinLayers {
  const { head, hexagons, above } = partsOf(options, ring);
  return { frame: svgOf([...head, ...above]), hexagons };
}

/** @param margin where the picture is white again beside the plot */
function partsOf(
  { truth, predicted, title, limits, across = 50, xLabel, yLabel }: HexbinOptions,
  margin: typeof plot,
): { head: readonly string[]; hexagons: Hexagons; above: readonly string[] } {
  const bins = hexagonBins(truth, predicted, across, limits);
  const domain = limits ?? axisRange(bins);
  const x = scaleLinear(domain, [plot.left, plot.left + plot.width]);
  const y = scaleLinear(domain, [plot.top + plot.height, plot.top]);
  const most = bins.hexagons.reduce((most, { count }) => Math.max(most, count), 0);
  const logCount = scaleLog([1, Math.max(10, most)], [0, 1]);
  const head = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${picture.width}" height="${picture.height}" ` +
    `viewBox="0 0 ${picture.width} ${picture.height}" role="img">`,
    `<title>${escapeMarkup(title)}</title>`,
  ];
  const above = [
    diagonal(),
    margins(margin),
    rectangle(plot, `fill="none" stroke="black"`),
    axisX(x, xLabel ?? "Ground Truth Expression"),
    axisY(y, yLabel ?? "Predicted Expression"),
    colourBar(logCount),
    titleLines(title),
    numberOfPoints(bins),
    `</svg>`,
  ];
  return { head, hexagons: placed(bins, x, y, logCount), above };
}

function svgOf(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n") + "\n";
}

type Scale = ReturnType<typeof scaleLinear>;

/** Both axes from one round number to another, with room for the hexagons at the edges. */
function axisRange({ extent: { xMin, xMax, yMin, yMax }, stepX, stepY }: HexagonBins): number[] {
  const low = Math.min(xMin - stepX, yMin - stepY), high = Math.max(xMax + stepX, yMax + stepY);
  const furthest = Math.max(-low, high), hasBothSigns = Math.min(xMin, yMin) < 0 && Math.max(xMax, yMax) > 0;
  return scaleLinear(hasBothSigns ? [-furthest, furthest] : [low, high], [0, 1]).nice(20).domain();
}

/** How far hexagons reach over their edges: without it the seams between neighbours show. */
const overlap = 0.2;

/** Where the hexagons lie in the picture, by ascending colours. */
function placed({ hexagons, stepX, stepY }: HexagonBins, x: Scale, y: Scale, logCount: Scale): Hexagons {
  const halfWidth = Math.abs(x(stepX) - x(0)) / 2, sixth = Math.abs(y(stepY) - y(0)) / 6;
  const slant = Math.hypot(halfWidth, sixth) / halfWidth;
  const cells = hexagons.map(({ x: column, y: row, count }) => ({
    x: x(column),
    y: y(row),
    colour: interpolateViridis(Math.round(logCount(count) * 255) / 255),
  }));
  return {
    right: halfWidth + overlap,
    top: 2 * sixth + overlap * slant,
    side: sixth + overlap * (slant - sixth / halfWidth),
    within: plot,
    cells: cells.sort((a, b) => a.colour < b.colour ? -1 : a.colour > b.colour ? 1 : 0),
  };
}

/** Hexagons of one colour are one path: some hundred paths instead of thousands. */
function hexagonPaths({ right, top, side, cells }: Hexagons): string {
  const outline = `l${number(right)} ${number(top - side)}v${number(2 * side)}` +
    `l${number(-right)} ${number(top - side)}l${number(-right)} ${number(side - top)}v${number(-2 * side)}z`;
  const paths = new Map<string, string[]>();
  for (const { x, y, colour } of cells) {
    const path = paths.get(colour) ?? [];
    path.push(`M${number(x)} ${number(y - top)}${outline}`);
    paths.set(colour, path);
  }
  return [...paths].map(([colour, path]) => `<path fill="${colour}" d="${path.join("")}"/>`).join("\n");
}

/** What hexagons stick out into, and what the diagonal's corners do, where hexagons are cut to the plot. */
const allAround = { left: 0, top: 0, ...picture };
const ring = { left: plot.left - 2, top: plot.top - 2, width: plot.width + 4, height: plot.height + 4 };

/** White over all that sticks out of the plot, up to `outer`; a clip path would take a third of the drawing time. */
function margins(outer: typeof plot): string {
  return `<path fill="white" fill-rule="evenodd" d="${box(outer)}${box(plot)}"/>`;
}

function box({ left, top, width, height }: typeof plot): string {
  return `M${left} ${top}h${width}v${height}h${-width}z`;
}

/** Where the prediction equals the truth: both axes have one range, so from corner to corner. */
function diagonal(): string {
  const { left, top, width, height } = plot;
  return `<line x1="${left}" y1="${top + height}" x2="${left + width}" y2="${top}" ` +
    `stroke="red" stroke-width="2" stroke-dasharray="8 5"/>`;
}

function axisX(scale: Scale, label: string): string {
  const bottom = plot.top + plot.height, middle = plot.left + plot.width / 2;
  const marks = ticks(scale).map(({ at, text }) =>
    `<path d="M${at} ${bottom}v6" stroke="black"/>` +
    `<text x="${at}" y="${bottom + 24}" text-anchor="middle">${text}</text>`
  );
  return `<g ${font} font-size="15">${marks.join("")}` +
    `<text x="${middle}" y="${bottom + 56}" text-anchor="middle" font-size="18">${
      escapeMarkup(label)
    }</text></g>`;
}

function axisY(scale: Scale, label: string): string {
  const middle = plot.top + plot.height / 2;
  const marks = ticks(scale).map(({ at, text }) =>
    `<path d="M${plot.left} ${at}h-6" stroke="black"/>` +
    `<text x="${plot.left - 11}" y="${at + 5}" text-anchor="end">${text}</text>`
  );
  return `<g ${font} font-size="15">${marks.join("")}` +
    `<text transform="translate(30 ${middle}) rotate(-90)" text-anchor="middle" font-size="18">` +
    `${escapeMarkup(label)}</text></g>`;
}

/** Round values and where they lie; very large and very small ones are written with an exponent. */
function ticks(scale: Scale): { at: number; text: string }[] {
  const largest = Math.max(...scale.domain().map(Math.abs));
  const exponent = largest >= 1e4 || largest < 1e-2, count = exponent ? 5 : 8;
  const format = scale.tickFormat(count, exponent ? "~e" : "f");
  return scale.ticks(count).map((value) => ({
    at: Number(number(scale(value))),
    text: value === 0 && exponent ? "0" : format(value),
  }));
}

/** Colours of the counts, with a label at every power of ten and a small tick at 2 to 9 times one. */
function colourBar(logCount: Scale): string {
  const bottom = bar.top + bar.height, right = bar.left + bar.width;
  const stops = Array.from(
    { length: 33 },
    (_, i) => `<stop offset="${number(i / 32)}" stop-color="${interpolateViridis(i / 32)}"/>`,
  );
  const ticks: string[] = [];
  const [, most] = logCount.domain();
  for (let power = 0; 10 ** power <= most; power++) {
    for (let times = 1; times < 10 && times * 10 ** power <= most * (1 + 1e-9); times++) {
      const at = bottom - bar.height * logCount(times * 10 ** power);
      ticks.push(`<path d="M${right} ${number(at)}h${times === 1 ? 6 : 3}" stroke="black"/>`);
      if (times > 1) continue;
      ticks.push(
        `<text x="${right + 11}" y="${number(at + 5)}">10` +
          `<tspan dy="-7" font-size="11">${power}</tspan></text>`,
      );
    }
  }
  const middle = bar.top + bar.height / 2;
  return `<defs><linearGradient id="counts" x1="0" y1="1" x2="0" y2="0">${
    stops.join("")
  }</linearGradient></defs>` +
    rectangle(bar, `fill="url(#counts)" stroke="black"`) +
    `<g ${font} font-size="15">${ticks.join("")}` +
    `<text transform="translate(${right + 66} ${middle}) rotate(-90)" text-anchor="middle" font-size="18">` +
    `Points per hexagon (log<tspan dy="5" font-size="13">10</tspan><tspan dy="-5"> scale)</tspan></text></g>`;
}

/** Up to three lines above the plot, made smaller where they would not fit its width. */
function titleLines(title: string): string {
  const lines = title.split("\n").slice(0, 3);
  const longest = Math.max(...lines.map((line) => line.length));
  const middle = plot.left + plot.width / 2, widest = 2 * Math.min(middle, picture.width - middle) - 30;
  // A character of this font is 0.62 of its size wide on average.
  const size = Math.min(19, widest / (0.62 * longest), 54 / (1.25 * lines.length));
  return lines.map((line, i) => {
    const y = plot.top - 14 - (lines.length - 1 - i) * 1.25 * size;
    return `<text ${font} font-size="${number(size)}" x="${middle}" y="${number(y)}" text-anchor="middle">` +
      `${escapeMarkup(line)}</text>`;
  }).join("\n");
}

/** How many points the picture shows. What the limits cut off is said, not hidden. */
function numberOfPoints({ inside, outside }: HexagonBins): string {
  const all = inside + outside, written = (count: number) => count.toLocaleString("en");
  if (all === 0) return note("There are no finite values");
  if (outside === 0) return note(`${written(all)} ${all === 1 ? "point" : "points"}`);
  const [noun, verb] = [all === 1 ? "point" : "points", outside === 1 ? "lies" : "lie"];
  return note(`${written(outside)} of ${written(all)} ${noun} ${verb} beyond these axes`);
}

/** Small and grey, in the lower right corner of the picture. */
function note(text: string): string {
  const x = plot.left + plot.width, y = picture.height - 6;
  return `<text ${font} font-size="13" fill="#555" x="${x}" y="${y}" text-anchor="end">${text}</text>`;
}

function rectangle({ left, top, width, height }: typeof plot, attributes = ""): string {
  return `<rect x="${left}" y="${top}" width="${width}" height="${height}"${
    attributes && " " + attributes
  }/>`;
}

/** A coordinate in hundredths of a unit. */
function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
