/** The page: reads its data, draws its figures again whenever the width changes. */
import { byId, make, replace } from "./dom.js";
import { Explorer } from "./explorer.js";
import { referenceText, shown } from "./figure_parts.js";
import { distributionFigure, intervalFigure, pairsFigure, strataFigure } from "./figures.js";
import { calibrationFigure, spreadFigure } from "./small_multiples.js";
import { fillTable, MetricTable } from "./tables.js";
import { unpackNumbers } from "./unpack.js";

const page = JSON.parse(byId("data").textContent);
const place = (name) => document.querySelector(`[data-figure="${name}"]`);
let scores = new Float64Array(0);

function drawFigures() {
  const metric = byId("metric").value, kind = byId("kind").value;
  const context = (element) => ({
    Plot,
    document,
    width: Math.max(280, element.clientWidth),
    page,
    scores,
    fontFamily: "inherit",
  });
  const draw = (name, figure) => {
    const element = place(name), svg = figure(context(element));
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", element.closest("section").querySelector("h2").textContent);
    replace(element, svg);
  };
  draw("headline", (at) => intervalFigure(at, "error_ratio"));
  draw("metric", (at) => intervalFigure(at, metric));
  draw("pairs", (at) => pairsFigure(at, metric));
  const main = page.mainMetrics.includes(metric) ? metric : metric.replace("_own_gene_out", "");
  draw("distributions", (at) => distributionFigure(at, main));
  draw("calibration", calibrationFigure);
  draw("strata", (at) => strataFigure(at, main, kind));
  if (page.spread.some((spread) => spread)) draw("spread", spreadFigure);
  for (const [name, of] of [["headline", "error_ratio"], ["metric", metric]]) {
    document.querySelector(`[data-caption="${name}"]`).textContent = referenceText(page, of) + ".";
  }
}

function tellResult() {
  const cells = page.table.error_ratio,
    models = page.models.map((model, index) => ({ ...model, index })).filter(({ kind, index }) =>
      kind === "model" && cells[index][0] !== null
    );
  byId("what").textContent =
    `${models.length} models, ${page.perturbations.length} perturbations, ${page.genes.length} genes, ` +
    `${
      new Set(page.foldOf).size
    } folds; ${page.bootstrap.resamples} bootstrap resamples, seed ${page.bootstrap.seed}. ` +
    `Direction match is over ${page.directionOver}.`;
  if (models.length === 0) return;
  const best = models.reduce((a, b) => cells[b.index][0] < cells[a.index][0] ? b : a),
    [mean, lower, upper] = cells[best.index];
  const verdict = upper === null
    ? ""
    : upper < 1
    ? ", better than the mean baseline"
    : lower > 1
    ? ", worse than the mean baseline"
    : ", not told from the mean baseline";
  byId("verdict").textContent = `Lowest error ratio: ${best.label}, ${shown(mean)}${
    lower === null ? "" : ` (95% ${shown(lower)} to ${shown(upper)})`
  }${verdict}.`;
}

function listNotes() {
  const notes = page.isPaired ? page.notes : ["Folds differ: pairs are not paired.", ...page.notes];
  byId("notes").hidden = notes.length === 0;
  replace(byId("notes").querySelector("ul"), ...notes.map((note) => make("li", {}, note)));
}

/** Nested facts as lists of names and values. */
function facts(value, name) {
  const entries = Object.entries(value).filter(([, of]) => of !== null);
  const isNested = (of) => typeof of === "object" && !Array.isArray(of);
  const own = entries.filter(([, of]) => !isNested(of)).flatMap(([key, of]) => {
    if (Array.isArray(of) && of.some((item) => typeof item === "object")) return [];
    return [make("dt", {}, key), make("dd", {}, Array.isArray(of) ? of.join(", ") : String(of))];
  });
  const nested = entries.flatMap(([key, of]) => {
    if (Array.isArray(of) && of.some((item) => typeof item === "object")) {
      return of.map((item, i) => facts(item, item.name ?? `${key} ${i + 1}`));
    }
    return isNested(of) ? [facts(of, key)] : [];
  });
  return make(
    "details",
    { open: name === "This comparison" },
    make("summary", {}, name),
    own.length > 0 ? make("dl", {}, ...own) : null,
    ...nested,
  );
}

async function start() {
  tellResult();
  listNotes();
  const table = new MetricTable(byId("table"), page);
  table.draw();
  byId("own-gene").addEventListener("change", (event) => {
    table.ownGeneOut = event.target.checked;
    table.draw();
  });
  replace(byId("metric"), ...page.metrics.map(({ name, title }) => make("option", { value: name }, title)));
  byId("metric").value = "pearson";
  replace(
    byId("kind"),
    ...[...new Set(page.subsets.map(({ kind }) => kind))].map((kind) =>
      make("option", { value: kind }, kind)
    ),
  );
  byId("spread").hidden = page.spread.every((spread) => !spread);
  fillTable(
    byId("spread-table"),
    ["Model", "errors within 1 spread (normal: 68.3%)", "within 1.96 (95%)"],
    page.models.flatMap(({ label }, i) =>
      page.spread[i]
        ? [[
          label,
          ...[page.spread[i].within1, page.spread[i].within196].map((share) => `${shown(100 * share, 1)}%`),
        ]]
        : []
    ),
  );
  replace(byId("facts"), facts(page.provenance, "This comparison"));
  scores = await unpackNumbers(page.scores);
  drawFigures();
  for (const id of ["metric", "kind"]) byId(id).addEventListener("change", drawFigures);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawFigures();
  });
  const explorer = await Explorer.open(page, scores);
  matchMedia("print").addEventListener("change", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    explorer.redraw();
  });
  document.documentElement.dataset.ready = "true";
}

start();
