/** The table of all metrics, which sorts, and plain tables. */
import { make, replace } from "./dom.js";
import { shown } from "./figure_parts.js";

const outSuffix = "_own_gene_out";

/** Fill the table of means; remembers its order. */
export class MetricTable {
  #order = { metric: "error_ratio", descending: false };

  constructor(element, page) {
    this.element = element;
    this.page = page;
    this.ownGeneOut = false;
  }

  /** Metrics that are shown: with the own gene, or those without it where there are such. */
  get metrics() {
    const { page: { metrics, mainMetrics }, ownGeneOut } = this;
    const named = (name) => metrics.find((metric) => metric.name === name);
    return mainMetrics.map((name) => ownGeneOut ? named(name + outSuffix) ?? named(name) : named(name));
  }

  draw() {
    const { page, metrics } = this;
    const heads = metrics.map((metric) => {
      const isSorted = this.#order.metric === metric.name;
      const sort = () => this.#sortBy(metric);
      return make("th", {
        scope: "col",
        title: `${metric.better} is better`,
        "aria-sort": isSorted ? this.#order.descending ? "descending" : "ascending" : "none",
      }, make("button", { type: "button", onclick: sort }, metric.title.replace(", own gene out", "")));
    });
    const rows = this.#rows().map((model) =>
      make(
        "tr",
        { className: page.models[model].kind === "model" ? "" : "other" },
        make("td", { title: page.models[model].name }, page.models[model].label),
        ...metrics.map((metric) => this.#cell(metric, model)),
      )
    );
    replace(
      this.element,
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Model"), ...heads)),
      make("tbody", {}, ...rows),
    );
  }

  #cell(metric, model) {
    const [mean, lower, upper] = this.page.table[metric.name][model];
    const interval = lower === null ? null : make("small", {}, `${shown(lower)} to ${shown(upper)}`);
    return make(
      "td",
      {
        className: this.page.models[model].kind === "model" && mean !== null && mean === this.#best(metric)
          ? "best"
          : "",
      },
      shown(mean),
      interval,
    );
  }

  #best(metric) {
    const means = this.page.table[metric.name].filter((cell, model) =>
      cell[0] !== null && this.page.models[model].kind === "model"
    )
      .map(([mean]) => mean);
    return metric.better === "higher" ? Math.max(...means) : Math.min(...means);
  }

  #rows() {
    const cells = this.page.table[this.#order.metric], sign = this.#order.descending ? -1 : 1;
    const value = (model) => cells[model][0] ?? sign * Infinity;
    return this.page.models.map((_, model) => model).sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return x === y ? a - b : sign * (x - y);
    });
  }

  #sortBy({ name, better }) {
    const isAgain = this.#order.metric === name;
    this.#order = { metric: name, descending: isAgain ? !this.#order.descending : better === "higher" };
    this.draw();
  }
}

/** A table of text and numbers. @param heads texts @param rows lists of texts */
export function fillTable(element, heads, rows) {
  replace(
    element,
    make(
      "thead",
      {},
      make("tr", {}, ...heads.map((head) => make("th", { scope: "col", title: head }, head))),
    ),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))),
  );
}
