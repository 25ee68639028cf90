/** What the figures share: colours, labels, options of Observable Plot, lines that all models are read against. */

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

/** Colour of the model at a place of the table. */
export function colourOf(models, index) {
  if (models[index].kind !== "model") return models[index].kind === "mean baseline" ? "#7f7f7f" : "#b0a050";
  return palette[models.slice(0, index).filter(({ kind }) => kind === "model").length % palette.length];
}

/** A number as tables show it. */
export function shown(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "n.a.";
  const size = Math.abs(value);
  if (size < 1e-12) return (0).toFixed(digits); // what rounding left of a zero
  if (size !== 0 && (size < 10 ** -digits / 2 || size >= 1e5)) {
    return value.toExponential(2).replace("-", "−");
  }
  return value.toFixed(digits).replace("-", "−");
}

/** Options of every figure. */
export function base({ Plot: _, document, width, fontFamily }, options) {
  return {
    document,
    width,
    style: { fontFamily, fontSize: "12px", background: "transparent", overflow: "visible" },
    ...options,
  };
}

/** Room for labels on the left, no more than a third of the figure. */
export function labelRoom({ width, page }, size = 6.9) {
  const longest = Math.max(...page.models.map(({ label }) => [...label].length));
  return Math.min(width * 0.36, 18 + size * longest);
}

/** A label that fits its room. */
export function cutLabel(context, label, size = 6.9) {
  const most = Math.floor((labelRoom(context, size) - 16) / size), letters = [...label];
  return letters.length <= most ? label : letters.slice(0, Math.max(3, most - 1)).join("") + "…";
}

/** Title, best value and chance of a metric. */
export function metricOf({ page }, name) {
  return page.metrics.find((metric) => metric.name === name);
}

/** Rows of a figure: one a model that has a value. */
export function rowsOf(context, cells) {
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
export function referenceMarks({ Plot, page }, metric, cells) {
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
