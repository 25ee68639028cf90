/** Which names are genes, and the id of each: by the annotation where there is one, else by the screen's own columns. */
import { withoutVersion } from "../dataset/gene_ids.ts";
import type { Annotation } from "../genome/annotation.ts";
import type { GeneAliases } from "../genome/gene_aliases.ts";
import type { GeneNames } from "./gene_names.ts";

export interface KnownGene {
  readonly id: string;
  readonly symbol: string;
}

/** Looks a name up: as it is written, in any case, without version, by its aliases. */
export class KnownGenes {
  readonly #exact = new Map<string, KnownGene>();
  readonly #folded = new Map<string, KnownGene>();
  readonly #aliases: GeneAliases | null;

  /** @param names of the read-out genes, which count where the annotation does not know a name */
  constructor(names: GeneNames, annotation: Annotation | null, aliases: GeneAliases | null) {
    this.#aliases = aliases;
    for (const { id, symbol } of annotation?.genes ?? []) this.#add({ id: withoutVersion(id), symbol });
    names.ids.forEach((id, i) => this.#add({ id, symbol: names.symbols[i] }));
  }

  find(name: string): KnownGene | null {
    const direct = this.#direct(name);
    if (direct !== null || this.#aliases === null) return direct;
    for (const alias of this.#aliases(name)) {
      const found = this.#direct(alias);
      if (found !== null) return found;
    }
    return null;
  }

  #direct(name: string): KnownGene | null {
    return this.#exact.get(name) ?? this.#folded.get(withoutVersion(name.trim().toUpperCase())) ?? null;
  }

  /** Ids before symbols, the first of each. */
  #add(gene: KnownGene): void {
    for (const name of [gene.id, gene.symbol]) {
      if (!this.#exact.has(name)) this.#exact.set(name, gene);
      const folded = name.toUpperCase();
      if (!this.#folded.has(folded)) this.#folded.set(folded, gene);
    }
  }
}
