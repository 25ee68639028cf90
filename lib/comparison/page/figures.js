/**
 * The figures of a comparison, drawn with Observable Plot: in the page, and in Deno for the files. Colours are those of Okabe,
 * Ito and Tol, which the colour-blind can tell; no figure needs them, since every mark is named.
 */

const palette = [
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#CC79A7",
  "#E69F00",
  "#56B4E9",
  "#882255",
  "#44AA99",
  "#999933",
  "#332288",
];
const better = "#0067a8", worse = "#b34a00";

/** More ticks than this hide one another: boxes stand alone. */
const mostTicks = 8000;

/** Colour of the model at a place of the table. */
export function colourOf(models, index) {
  if (models[index].kind !== "model") return models[index].kind === "mean baseline" ? "#7f7f7f" : "#b0a050";
  return palette[models.slice(0, index).filter(({ kind }) => kind === "model").length % palette.length];
}

/** A number as tables show it. */
export function shown(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "n.a.";
  const size = Math.abs(value);
  if (size !== 0 && (size < 10 ** -digits / 2 || size >= 1e5)) {
    return value.toExponential(2).replace("-", "−");
  }
  return value.toFixed(digits).replace("-", "−");
}

function base({ Plot: _, document, width, fontFamily }, options) {
  return {
    document,
    width,
    style: { fontFamily, fontSize: "12px", background: "transparent", overflow: "visible" },
    ...options,
  };
}

/** Room for labels on the left, no more than a third of the figure. */
function labelRoom({ width, page }, size = 6.9) {
  const longest = Math.max(...page.models.map(({ label }) => [...label].length));
  return Math.min(width * 0.36, 18 + size * longest);
}

function cutLabel(context, label, size = 6.9) {
  const most = Math.floor((labelRoom(context, size) - 16) / size), letters = [...label];
  return letters.length <= most ? label : letters.slice(0, Math.max(3, most - 1)).join("") + "…";
}

function metricOf({ page }, name) {
  return page.metrics.find((metric) => metric.name === name);
}

/** Rows of a figure: one a model that has a value. */
function rowsOf(context, cells) {
  return context.page.models.map(({ label, kind }, index) => ({
    label,
    kind,
    index,
    colour: colourOf(context.page.models, index),
    mean: cells[index]?.[0] ?? null,
    lower: cells[index]?.[1] ?? null,
    upper: cells[index]?.[2] ?? null,
  }));
}

/** Lines that all models are read against. */
function referenceMarks({ Plot, page }, metric, cells) {
  const at = (kind) => cells[page.models.findIndex((model) => model.kind === kind)]?.[0] ?? null;
  const baseline = at("mean baseline"), ceiling = at("noise ceiling"), marks = [];
  if (baseline !== null) marks.push(Plot.ruleX([baseline], { stroke: "#7f7f7f", strokeDasharray: "5 4" }));
  if (ceiling !== null) marks.push(Plot.ruleX([ceiling], { stroke: "#b0a050", strokeWidth: 1.5 }));
  if (metric.chance !== null) {
    marks.push(
      Plot.ruleX([metric.chance], { stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "1.5 3" }),
    );
  }
  return marks;
}

/** What the lines mean, in words. */
export function referenceText(page, name) {
  const metric = page.metrics.find((metric) => metric.name === name);
  const lines = ["dashed: mean baseline"];
  if (page.models.some(({ kind }) => kind === "noise ceiling")) lines.push("solid: noise ceiling");
  if (metric.chance !== null) lines.push(`dotted: chance, ${metric.chance}`);
  return `${metric.title}, ${metric.better} is better; bars are 95% intervals; ${lines.join("; ")}`;
}

/** Mean of each model with its interval. */
export function intervalFigure(context, name) {
  const { Plot, page, width } = context, metric = metricOf(context, name), cells = page.table[name];
  const rows = rowsOf(context, cells), known = rows.filter(({ mean }) => mean !== null);
  return Plot.plot(base(context, {
    height: 26 * rows.length + 66,
    marginLeft: labelRoom(context),
    marginRight: 58,
    marginTop: 10,
    marginBottom: 48,
    x: {
      label: `${metric.title} (${metric.better} is better)`,
      nice: true,
      ticks: width < 500 ? 4 : 7,
      grid: true,
      labelAnchor: "center",
      labelArrow: "none",
    },
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

/** Small multiples, a model each. */
function multiples(context, panels, { x, y, height }) {
  const { Plot, page, width } = context,
    across = Math.max(1, Math.min(panels.length, Math.floor(width / 175)));
  const down = Math.ceil(panels.length / across);
  const place = (i) => ({ fx: i % across, fy: Math.floor(i / across) });
  const points = panels.flatMap(({ index, bins }, i) =>
    bins.map(([predicted, measured]) => ({ predicted, measured, index, ...place(i) }))
  );
  const values = points.flatMap(({ predicted, measured }) => [predicted, measured]);
  const low = Math.min(...values), high = Math.max(...values), colour = (d) => colourOf(page.models, d.index);
  return Plot.plot(base(context, {
    height: down * height + 60,
    marginLeft: 72,
    marginBottom: 44,
    fx: { axis: null, padding: 0.12 },
    fy: { axis: null, padding: 0.16 },
    x: { label: x, ticks: 3, nice: true, labelAnchor: "center", labelArrow: "none" },
    y: {
      label: y,
      labelOffset: 60,
      ticks: 4,
      nice: true,
      grid: true,
      labelAnchor: "center",
      labelArrow: "none",
    },
    marks: [
      Plot.frame({ stroke: "currentColor", strokeOpacity: 0.25 }),
      Plot.link(panels.map((_, i) => place(i)), {
        fx: "fx",
        fy: "fy",
        x1: low,
        y1: low,
        x2: high,
        y2: high,
        stroke: "currentColor",
        strokeOpacity: 0.5,
        strokeDasharray: "4 3",
      }),
      Plot.line(points, {
        x: "predicted",
        y: "measured",
        fx: "fx",
        fy: "fy",
        z: "index",
        stroke: colour,
        strokeWidth: 1.5,
      }),
      Plot.dot(points, { x: "predicted", y: "measured", fx: "fx", fy: "fy", fill: colour, r: 2.4 }),
      Plot.text(panels.map(({ index }, i) => ({ index, ...place(i) })), {
        fx: "fx",
        fy: "fy",
        frameAnchor: "top-left",
        dx: 5,
        dy: 5,
        fontWeight: "bold",
        fill: "currentColor",
        text: (d) => {
          const letters = [...page.models[d.index].label];
          return letters.length > 20 ? letters.slice(0, 19).join("") + "…" : letters.join("");
        },
      }),
    ],
  }));
}

/** Whether a predicted value is what is measured where it is predicted. */
export function calibrationFigure(context) {
  const panels = context.page.calibration.flatMap((bins, index) => bins ? [{ index, bins }] : []);
  return multiples(context, panels, {
    x: "mean predicted value of a bin",
    y: "mean measured value",
    height: 165,
  });
}

/** Whether a predicted spread is as large as the error. */
export function spreadFigure(context) {
  const panels = context.page.spread.flatMap((spread, index) => spread ? [{ index, bins: spread.bins }] : []);
  return multiples(context, panels, {
    x: "predicted spread of a bin",
    y: "root mean square error",
    height: 220,
  });
}

/** Means over parts of the perturbations: effect sizes, folds or groups. */
export function strataFigure(context, name, kind) {
  const { Plot, page, width } = context, metric = metricOf(context, name);
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
    x: {
      label: `${metric.title} (${metric.better} is better)`,
      nice: true,
      ticks: width < 500 ? 4 : 7,
      grid: true,
      labelAnchor: "center",
      labelArrow: "none",
    },
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
