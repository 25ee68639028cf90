/** The search box of the explorer: a list of what begins with or holds the text, for pointer and keyboard. */
import { byId, make, replace } from "./dom.js";

const mostOptions = 40;

export class SearchBox {
  #options = [];
  #selected = 0;

  /**
   * @param entries what can be found: kind, index, id, name, and the text that is searched
   * @param take is told the choice; `isWhole` whether a gene's values are in the page
   */
  constructor(entries, { take, isWhole }) {
    Object.assign(this, { entries, take, isWhole });
    const query = byId("query");
    query.addEventListener("input", () => this.#search(query.value));
    query.addEventListener("focus", () => this.#search(query.value));
    query.addEventListener("blur", () => setTimeout(() => this.#close(), 150));
    query.addEventListener("keydown", (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (move !== undefined) {
        event.preventDefault();
        if (byId("options").hidden) return this.#search(query.value);
        this.#select(this.#selected + move);
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (this.#options.length === 0) this.#search(query.value);
        if (this.#options.length > 0) this.#choose(this.#options[this.#selected]);
      } else if (event.key === "Escape") this.#close();
    });
  }

  #search(text) {
    const wanted = text.trim().toUpperCase();
    const starts = [], holds = [];
    for (const entry of this.entries) {
      const at = wanted === "" ? 0 : entry.text.indexOf(wanted);
      if (at === 0 || (at > 0 && entry.text[at - 1] === " ")) starts.push(entry);
      else if (at > 0) holds.push(entry);
      if (starts.length >= 4 * mostOptions) break;
    }
    const isExact = ({ name, id }) => name.toUpperCase() === wanted || id.toUpperCase() === wanted ? 0 : 1;
    this.#options = [...starts, ...holds].map((entry, i) => ({ entry, i })).sort((a, b) =>
      isExact(a.entry) - isExact(b.entry) || a.i - b.i
    )
      .slice(0, mostOptions).map(({ entry }) => entry);
    const list = byId("options");
    replace(
      list,
      ...this.#options.map((entry, i) =>
        make(
          "li",
          {
            role: "option",
            id: `option-${i}`,
            "aria-selected": "false",
            onpointerdown: (event) => {
              event.preventDefault();
              this.#choose(entry);
            },
          },
          entry.name,
          " ",
          make(
            "small",
            {},
            `${entry.kind === "tf" ? "TF" : "gene"}${entry.name === entry.id ? "" : " " + entry.id}${
              entry.kind === "gene" && !this.isWhole(entry.index) ? ", summary only" : ""
            }`,
          ),
        )
      ),
    );
    if (this.#options.length === 0) replace(list, make("li", {}, "nothing of that name"));
    list.hidden = false;
    byId("query").setAttribute("aria-expanded", "true");
    this.#select(0);
  }

  #select(i) {
    const list = byId("options"), count = this.#options.length;
    if (count === 0) return;
    this.#selected = (i + count) % count;
    [...list.children].forEach((item, at) =>
      item.setAttribute("aria-selected", String(at === this.#selected))
    );
    list.children[this.#selected].scrollIntoView({ block: "nearest" });
    byId("query").setAttribute("aria-activedescendant", `option-${this.#selected}`);
  }

  #choose(entry) {
    byId("query").value = entry.name;
    this.#close();
    this.take(entry);
  }

  #close() {
    byId("options").hidden = true;
    byId("query").setAttribute("aria-expanded", "false");
    byId("query").removeAttribute("aria-activedescendant");
    this.#options = [];
  }
}
