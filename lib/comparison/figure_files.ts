/** Each figure as SVG and PNG. */
import { svgToPng } from "../evaluation/plot_png.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { escapeMarkup } from "../io/escape.ts";
import { distributionFigure, intervalFigure, pairsFigure, strataFigure } from "./page/figures.js";
import { calibrationFigure, spreadFigure } from "./page/small_multiples.js";
import type { PageData } from "./page_data.ts";
import { type DrawnElement, newDocument, Plot } from "./plot_library.ts";
import type { ReportFolder } from "./report_folder.ts";
import { unpackNumbers } from "./page/unpack.js";

const width = 760, fontFamily = "DejaVu Sans, Verdana, sans-serif";

/** Write figures/<name>.svg and .png. */
export async function writeFigures(folder: ReportFolder, page: PageData): Promise<void> {
  for (const { name, title, svg } of await figures(page)) {
    const text = standalone(svg, title);
    await writeFileAtomic(folder.staged(`figures/${name}.svg`), text);
    await writeFileAtomic(folder.staged(`figures/${name}.png`), await svgToPng(text, 2));
  }
}

interface Figure {
  readonly name: string;
  readonly title: string;
  readonly svg: DrawnElement;
}

async function figures(page: PageData): Promise<Figure[]> {
  const scores = await unpackNumbers(page.scores);
  const context = { Plot, document: newDocument(), width, page, scores, fontFamily };
  const titleOf = (name: string) => page.metrics.find((metric) => metric.name === name)!.title;
  const headline = "error_ratio", delta = "pearson_delta", centroid = "centroid_accuracy";
  return [
    {
      name: "error_ratio",
      title: "Error of each model over that of the mean baseline",
      svg: intervalFigure(context, headline),
    },
    ...[delta, centroid].map((metric) => ({
      name: metric,
      title: titleOf(metric),
      svg: intervalFigure(context, metric),
    })),
    {
      name: "pairs",
      title: "Differences in error ratio, row minus column",
      svg: pairsFigure(context, headline),
    },
    {
      name: "distributions",
      title: "Error ratio of each perturbation",
      svg: distributionFigure(context, headline),
    },
    {
      name: "calibration",
      title: "Measured against predicted values, in bins of equal size",
      svg: calibrationFigure(context),
    },
    {
      name: "effect_size",
      title: "Error ratio by effect size",
      svg: strataFigure(context, headline, "effect size"),
    },
    ...page.spread.some((spread) => spread !== null)
      ? [{
        name: "spread",
        title: "Root mean square error against predicted spread",
        svg: spreadFigure(context),
      }]
      : [],
  ];
}

/** A figure with its title, on white, that needs no page around it. */
function standalone(svg: DrawnElement, title: string): string {
  const height = Number(svg.getAttribute("height")), wide = Number(svg.getAttribute("width")), top = 40;
  svg.setAttribute("y", String(top));
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  for (const style of [...svg.querySelectorAll("style")]) style.remove(); // for pages alone
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${height + top}" ` +
    `viewBox="0 0 ${wide} ${height + top}" color="#1a1a1a" font-family="${fontFamily}">` +
    `<rect width="100%" height="100%" fill="white"/>` +
    `<text x="12" y="25" font-size="15" font-weight="bold" fill="currentColor">${
      escapeMarkup(title)
    }</text>` +
    `${svg.outerHTML}</svg>\n`;
}
