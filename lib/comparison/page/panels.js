/** Predicted against measured, a small picture a model. Drawn on canvases: thousands of points appear at once. */
import { make, replace } from "./dom.js";
import { colourOf, shown } from "./figure_parts.js";

/**
 * @param panels a model each: its index in the table, and its values
 * @param points what they are compared with: measured values, names, which of them are marked
 * @param tell shows what the pointer is at
 */
export function drawPanels(element, { page, panels, points, tell }) {
  const finite = (values) => Array.from(values).filter((value) => !Number.isNaN(value));
  const extent = (values) =>
    values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [
      Infinity,
      -Infinity,
    ]);
  const padded = ([low, high]) => [low - ((high - low) * 0.05 || 1), high + ((high - low) * 0.05 || 1)];
  // Predictions are smaller than what is measured: each axis has a range of its own, the same in all pictures.
  const range = {
    x: padded(extent(panels.flatMap(({ values }) => finite(values)))),
    y: padded(extent(finite(points.measured))),
  };
  const figures = panels.map((panel) => {
    const canvas = make("canvas", {
      role: "img",
      "aria-label": `Predicted against measured, ${page.models[panel.index].label}`,
    });
    const figure = make(
      "figure",
      {},
      make("figcaption", { title: page.models[panel.index].name }, page.models[panel.index].label),
      canvas,
    );
    return { canvas, figure, panel };
  });
  replace(element, ...figures.map(({ figure }) => figure));
  for (const { canvas, panel } of figures) {
    const place = draw(canvas, { page, panel, points, range });
    canvas.addEventListener(
      "pointermove",
      (event) => tell(nearest(event, canvas, place, { page, panel, points })),
    );
    canvas.addEventListener("pointerleave", () => tell(""));
  }
}

function draw(canvas, { page, panel, points, range }) {
  const size = canvas.clientWidth || 180, ratio = Math.max(2, globalThis.devicePixelRatio || 1);
  canvas.width = canvas.height = Math.round(size * ratio);
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas), text = style.color;
  const left = 36, bottom = size - 20, right = size - 6, top = 6;
  const x = d3.scaleLinear(range.x, [left, right]), y = d3.scaleLinear(range.y, [bottom, top]);
  context.scale(ratio, ratio);
  context.font = `10px ${style.fontFamily}`;
  context.strokeStyle = context.fillStyle = text;
  context.globalAlpha = 0.3;
  context.strokeRect(left, top, right - left, bottom - top);
  context.setLineDash([4, 3]);
  const low = Math.max(range.x[0], range.y[0]), high = Math.min(range.x[1], range.y[1]);
  if (low < high) {
    context.beginPath();
    context.moveTo(x(low), y(low));
    context.lineTo(x(high), y(high));
    context.stroke();
  }
  context.globalAlpha = 0.9;
  context.textAlign = "center";
  for (const tick of x.ticks(3)) context.fillText(x.tickFormat(3)(tick), x(tick), bottom + 13);
  context.textAlign = "right";
  for (const tick of y.ticks(3)) context.fillText(y.tickFormat(3)(tick), left - 4, y(tick) + 3);
  const dot = (i, radius) => {
    if (Number.isNaN(points.measured[i]) || Number.isNaN(panel.values[i])) return;
    context.beginPath();
    context.arc(x(panel.values[i]), y(points.measured[i]), radius, 0, 2 * Math.PI);
    context.fill();
  };
  context.fillStyle = colourOf(page.models, panel.index);
  context.globalAlpha = points.measured.length > 500 ? 0.35 : 0.6;
  for (let i = 0; i < points.measured.length; i++) if (!points.isMarked(i)) dot(i, 1.5);
  context.globalAlpha = 1;
  for (let i = 0; i < points.measured.length; i++) if (points.isMarked(i)) dot(i, 3);
  return { x, y };
}

function nearest(event, canvas, { x, y }, { page, panel, points }) {
  const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
  let best = -1, least = 15 ** 2;
  for (let i = 0; i < points.measured.length; i++) {
    const distance = (x(panel.values[i]) - px) ** 2 + (y(points.measured[i]) - py) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  if (best < 0) return "";
  return `${points.nameOf(best)}: measured ${shown(points.measured[best])}, ${
    page.models[panel.index].label
  } ${shown(panel.values[best])}`;
}
