/** Pick a TF or a gene: every model's prediction beside the measurement. */
import { byId, copyText, replace } from "./dom.js";
import { shown } from "./figure_parts.js";
import { drawPanels } from "./panels.js";
import { SearchBox } from "./search.js";
import { fillTable } from "./tables.js";
import { unpackNumbers } from "./unpack.js";

/** Rows of the table of top genes. */
const topRows = 20;

export class Explorer {
  #current = { kind: "tf", index: 0 };
  #copy = { top: "", all: "" };

  /** Unpack the values; until then the search does nothing. */
  static async open(page, scores) {
    const block = page.explorer, each = block.genes.length, { step } = block;
    const reference = await unpackNumbers(block.reference);
    const whole = Array.from(reference, (value) => Math.round(value / step));
    const expected = (i) => whole[block.folds[Math.floor(i / each)] * each + i % each];
    const measured = await unpackNumbers(block.measured, expected);
    const predictions = [];
    for (const packed of block.models) predictions.push(await unpackNumbers(packed, expected));
    const genes = {
      pearson: await unpackNumbers(page.geneScores.pearson),
      rmse: await unpackNumbers(page.geneScores.rmse),
    };
    return new Explorer({
      page,
      scores,
      reference,
      measured,
      predictions,
      genes,
      effects: await unpackNumbers(page.effects),
    });
  }

  constructor(data) {
    this.data = data;
    this.digits = Math.max(0, Math.ceil(-Math.log10(data.page.explorer.step) - 1e-9));
    const { page } = data;
    this.place = new Map(page.explorer.genes.map((gene, at) => [gene, at]));
    this.entries = [
      ...page.perturbations.map((id, index) => ({
        kind: "tf",
        index,
        id,
        name: page.perturbationNames[index],
      })),
      ...page.genes.map((id, index) => ({ kind: "gene", index, id, name: page.geneNames[index] })),
    ].map((entry) => ({ ...entry, text: `${entry.name} ${entry.id}`.toUpperCase() }));
    new SearchBox(this.entries, {
      take: (entry) => this.show(entry),
      isWhole: (gene) => this.place.has(gene),
    });
    this.#listen();
    byId("rounding").textContent =
      `Values are rounded to multiples of ${page.explorer.step}; unrounded in explorer_values.parquet. ` +
      (page.explorer.genes.length === page.genes.length
        ? `All ${page.genes.length} genes are here.`
        : `${page.explorer.genes.length} of ${page.genes.length} genes are here: the ${page.explorer.complete} largest measured changes of every TF ` +
          `are among them. Of other genes r and error over all TFs are shown, from genes.csv; their values are in the results' own files of predictions. `) +
      "Scores of single TFs are rounded to 0.0001 (metrics_long.csv), r of genes to 0.001.";
    this.show({ kind: "tf", index: 0 });
  }

  /** Draw again, in the colours and width of now. */
  redraw() {
    this.show(this.#current);
  }

  show(choice) {
    this.#current = choice;
    const entry = this.entries.find(({ kind, index }) => kind === choice.kind && index === choice.index);
    byId("chosen").textContent = entry.name === entry.id ? entry.name : `${entry.name} (${entry.id})`;
    if (choice.kind === "tf") this.#showTf(choice.index);
    else this.#showGene(choice.index);
  }

  /** Indices and labels of the models that predict, the baseline among them. */
  get #models() {
    return this.data.page.models.map((model, index) => ({ ...model, index })).filter(({ kind }) =>
      kind !== "noise ceiling"
    );
  }

  /** Values of a model at places of the block. */
  #valuesOf(index, places) {
    const { page, predictions, reference } = this.data, each = page.explorer.genes.length;
    if (page.models[index].kind === "model") return places.map((at) => predictions[index][at]);
    return places.map((at) => reference[page.explorer.folds[Math.floor(at / each)] * each + at % each]);
  }

  #showTf(tf) {
    const { page, measured, effects, scores } = this.data, genes = page.explorer.genes, each = genes.length;
    const places = genes.map((_, j) => tf * each + j), values = places.map((at) => measured[at]);
    const order = genes.map((_, j) => j).filter((j) => !Number.isNaN(values[j]))
      .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b);
    const names = genes.map((gene) => page.geneNames[gene]);
    byId("chosen-facts").textContent = `TF, fold ${page.foldOf[tf]}, effect size ${
      shown(effects[tf])
    }. Marked: its ${Math.min(topRows, order.length)} genes of largest measured change.`;
    this.#draw({ places, values, order, names, head: "Gene" });
    const metrics = page.mainMetrics, count = page.perturbations.length;
    fillTable(
      byId("own-scores"),
      [
        "Scores of this TF",
        ...metrics.map((name) => page.metrics.find((metric) => metric.name === name).title),
      ],
      page.models.map(({ label }, model) => [
        label,
        ...metrics.map((_, at) => shown(scores[(model * metrics.length + at) * count + tf], 4)),
      ]),
    );
  }

  #showGene(gene) {
    const { page, measured, genes } = this.data, each = page.explorer.genes.length, at = this.place.get(gene);
    const models = this.#models, count = page.genes.length;
    fillTable(
      byId("own-scores"),
      ["This gene over all TFs", "Pearson r", "RMSE"],
      models.map((
        { label },
        row,
      ) => [
        label,
        shown(genes.pearson[row * count + gene]),
        shown(genes.rmse[row * count + gene], this.digits + 1),
      ]),
    );
    if (at === undefined) {
      byId("chosen-facts").textContent = "Read-out gene; its single values are not in this page.";
      replace(byId("panels"));
      replace(byId("top"));
      this.#copy = { top: "", all: "" };
      return;
    }
    const places = page.perturbations.map((_, tf) => tf * each + at),
      values = places.map((place) => measured[place]);
    const order = values.map((_, tf) => tf).filter((tf) => !Number.isNaN(values[tf])).sort((a, b) =>
      Math.abs(values[b]) - Math.abs(values[a]) || a - b
    );
    byId("chosen-facts").textContent = `Read-out gene. Marked: the ${
      Math.min(topRows, order.length)
    } TFs that change it most.`;
    this.#draw({ places, values, order, names: page.perturbationNames, head: "TF" });
  }

  #draw({ places, values, order, names, head }) {
    const { page } = this.data, marked = new Set(order.slice(0, topRows));
    const panels = this.#models.map(({ index }) => ({ index, values: this.#valuesOf(index, places) }));
    drawPanels(byId("panels"), {
      page,
      panels,
      points: { measured: values, isMarked: (i) => marked.has(i), nameOf: (i) => names[i] },
      tell: (text) => byId("hover").textContent = text || "\u00a0",
    });
    const heads = [head, "measured", ...panels.map(({ index }) => page.models[index].label)];
    const line = (
      i,
    ) => [
      names[i],
      ...[values, ...panels.map((panel) => panel.values)].map((column) => shown(column[i], this.digits)),
    ];
    const rows = order.slice(0, topRows).map(line);
    fillTable(byId("top"), heads, rows);
    const text = (lines) => [heads, ...lines].map((cells) => cells.map(plain).join("\t")).join("\n") + "\n";
    this.#copy = { top: text(rows), all: () => text(order.map(line)) };
  }

  #listen() {
    byId("previous").addEventListener("click", () => this.#step(-1));
    byId("next").addEventListener("click", () => this.#step(1));
    byId("copy").addEventListener("click", () => this.#toClipboard(this.#copy.top));
    byId("copy-all").addEventListener("click", () => this.#toClipboard(this.#copy.all && this.#copy.all()));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      this.redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  #step(by) {
    const count = this.#current.kind === "tf"
      ? this.data.page.perturbations.length
      : this.data.page.genes.length;
    this.show({ ...this.#current, index: (this.#current.index + by + count) % count });
  }

  async #toClipboard(text) {
    if (!text) return;
    await copyText(text);
    byId("copied").textContent = "copied";
    setTimeout(() => byId("copied").textContent = "", 2000);
  }
}

/** A cell for a spreadsheet: a plain minus, no tabs or line ends. */
function plain(cell) {
  return String(cell).replace(/^−/, "-").replace(/[\t\r\n]/g, " ");
}
