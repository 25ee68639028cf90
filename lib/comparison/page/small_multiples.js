/** Calibration: a small picture a model. */
import { base, colourOf } from "./figure_parts.js";

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
