/**
 * The figures of a comparison, drawn with Observable Plot: in the page, and in Deno for the files. Colours are those of Okabe,
 * Ito and Tol, which the colour-blind can tell; no figure needs them, since every mark is named.
 */
import { base, cutLabel, labelRoom, metricOf, referenceMarks, rowsOf, shown } from "./figure_parts.js";

/** Of the pairs: what the row is. */
const better = "#0067a8", worse = "#b34a00";

/** More ticks than this hide one another: boxes stand alone. */
const mostTicks = 8000;

/** The axis of a metric's values. */
function metricAxis({ width }, metric) {
  return {
    label: `${metric.title} (${metric.better} is better)`,
    nice: true,
    ticks: width < 500 ? 4 : 7,
    grid: true,
    labelAnchor: "center",
    labelArrow: "none",
  };
}

/** Mean of each model with its interval. */
export function intervalFigure(context, name) {
  const { Plot, page } = context, metric = metricOf(context, name), cells = page.table[name];
  const rows = rowsOf(context, cells), known = rows.filter(({ mean }) => mean !== null);
  return Plot.plot(base(context, {
    height: 26 * rows.length + 66,
    marginLeft: labelRoom(context),
    marginRight: 58,
    marginTop: 10,
    marginBottom: 48,
    x: metricAxis(context, metric),
    y: {
      type: "point",
      padding: 0.6,
      domain: rows.map(({ index }) => index),
      label: null,
      tickFormat: (index) => cutLabel(context, rows[index].label),
      tickSize: 0,
    },
    marks: [
      ...referenceMarks(context, metric, cells),
      Plot.link(known.filter(({ lower }) => lower !== null), {
        x1: "lower",
        x2: "upper",
        y1: "index",
        y2: "index",
        stroke: "colour",
        strokeWidth: 2.5,
        strokeLinecap: "butt",
      }),
      Plot.dot(known, {
        x: "mean",
        y: "index",
        fill: "colour",
        r: 4.5,
        symbol: (d) => d.kind === "model" ? "circle" : "diamond",
      }),
      Plot.text(rows, {
        y: "index",
        text: (d) => shown(d.mean),
        frameAnchor: "right",
        dx: 8,
        textAnchor: "start",
        fill: "currentColor",
      }),
    ],
  }));
}

/** Row minus column: blue where the row is better, orange where it is worse, pale where that may be chance. */
export function pairsFigure(context, name) {
  const { Plot, page } = context,
    metric = metricOf(context, name),
    sign = metric.better === "higher" ? 1 : -1;
  const models = page.models.map((model, index) => ({ ...model, index })).filter(({ kind }) =>
    kind !== "noise ceiling"
  );
  const cells = page.pairs[name].flatMap(([first, second, mean, , , , holm]) => [
    { row: first, column: second, mean, holm },
    { row: second, column: first, mean: mean === null ? null : -mean, holm },
  ]);
  const left = labelRoom(context), width = Math.max(context.width, left + 54 * models.length + 64);
  return Plot.plot(base({ ...context, width }, {
    height: 30 * models.length + 96,
    marginLeft: left,
    marginTop: 76,
    marginBottom: 10,
    marginRight: 64,
    x: { type: "band", domain: models.map(({ index }) => index), axis: null, padding: 0.04 },
    y: {
      type: "band",
      domain: models.map(({ index }) => index),
      label: null,
      tickFormat: (index) => cutLabel(context, page.models[index].label),
      tickSize: 0,
      padding: 0.06,
    },
    marks: [
      Plot.axisX({
        anchor: "top",
        tickRotate: -28,
        textAnchor: "start",
        label: null,
        tickSize: 0,
        tickFormat: (index) => {
          const letters = [...page.models[index].label];
          return letters.length > 14 ? letters.slice(0, 13).join("") + "…" : letters.join("");
        },
      }),
      Plot.cell(cells, {
        x: "column",
        y: "row",
        fill: (d) => d.mean === null || d.mean === 0 ? "#8888" : d.mean * sign > 0 ? better : worse,
        fillOpacity: (d) => d.mean === null ? 0.1 : d.holm < 0.05 ? 0.95 : 0.16,
      }),
      Plot.text(cells, {
        x: "column",
        y: "row",
        fontSize: 11,
        text: (d) => d.mean === null ? "n.a." : shown(d.mean) + (d.holm < 0.05 ? "*" : ""),
        fill: (d) => d.mean !== null && d.holm < 0.05 ? "white" : "currentColor",
      }),
    ],
  }));
}

/** Values of single perturbations. */
export function distributionFigure(context, name) {
  const { Plot, page, scores, width } = context,
    metric = metricOf(context, name),
    each = page.perturbations.length;
  const metrics = page.mainMetrics, at = metrics.indexOf(name);
  const points = page.models.flatMap((_, index) => {
    const start = (index * metrics.length + at) * each;
    return Array.from(scores.subarray(start, start + each), (value) => ({ index, value })).filter((
      { value },
    ) => !Number.isNaN(value));
  });
  const rows = rowsOf(context, page.table[name]);
  const fill = (d) => rows[d.index].colour;
  return Plot.plot(base(context, {
    height: 28 * rows.length + 56,
    marginLeft: labelRoom(context),
    marginTop: 10,
    marginBottom: 48,
    x: {
      label: `${metric.title} of a perturbation`,
      nice: true,
      ticks: width < 500 ? 4 : 7,
      grid: true,
      labelAnchor: "center",
      labelArrow: "none",
    },
    y: {
      type: "band",
      domain: rows.map(({ index }) => index),
      label: null,
      tickFormat: (index) => cutLabel(context, rows[index].label),
      tickSize: 0,
      padding: 0.25,
    },
    marks: [
      ...referenceMarks(context, metric, page.table[name]),
      points.length > mostTicks
        ? null
        : Plot.tickX(points, { x: "value", y: "index", stroke: fill, strokeOpacity: 0.22 }),
      Plot.boxX(points, {
        x: "value",
        y: "index",
        fill,
        fillOpacity: 0.3,
        stroke: "currentColor",
        strokeWidth: 1.3,
        r: 0,
        insetTop: 3,
        insetBottom: 3,
      }),
    ],
  }));
}

/** Means over parts of the perturbations: effect sizes, folds or groups. */
export function strataFigure(context, name, kind) {
  const { Plot, page } = context, metric = metricOf(context, name);
  const parts = page.subsets.filter((subset) => subset.kind === kind);
  const rows = rowsOf(context, page.table[name]);
  const points = parts.flatMap(({ means }, part) =>
    rowsOf(context, means[name]).map((row) => ({ ...row, part }))
  );
  const known = points.filter(({ mean }) => mean !== null);
  return Plot.plot(base(context, {
    height: parts.length * (15 * rows.length + 34) + 50,
    marginLeft: labelRoom(context),
    marginRight: 20,
    marginTop: 8,
    marginBottom: 48,
    fy: { domain: parts.map((_, part) => part), axis: null, padding: 0.06 },
    x: metricAxis(context, metric),
    y: {
      type: "point",
      padding: 0.6,
      domain: ["title", ...rows.map(({ index }) => index)],
      label: null,
      tickFormat: (index) => index === "title" ? "" : cutLabel(context, rows[index].label),
      tickSize: 0,
    },
    marks: [
      Plot.text(
        parts.map((part, i) => ({
          part: i,
          text: `${part.name.length > 40 ? part.name.slice(0, 39) + "…" : part.name} (${part.count})`,
        })),
        {
          fy: "part",
          text: "text",
          frameAnchor: "top-left",
          dx: 2,
          dy: 3,
          fontWeight: "bold",
          fill: "currentColor",
        },
      ),
      metric.name === "error_ratio" ? Plot.ruleX([1], { stroke: "#7f7f7f", strokeDasharray: "5 4" }) : null,
      metric.chance !== null
        ? Plot.ruleX([metric.chance], {
          stroke: "currentColor",
          strokeOpacity: 0.5,
          strokeDasharray: "1.5 3",
        })
        : null,
      Plot.link(known.filter(({ lower }) => lower !== null), {
        fy: "part",
        x1: "lower",
        x2: "upper",
        y1: "index",
        y2: "index",
        stroke: "colour",
        strokeWidth: 2,
      }),
      Plot.dot(known, { fy: "part", x: "mean", y: "index", fill: "colour", r: 3.2 }),
    ],
  }));
}
