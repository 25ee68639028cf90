/** One chromosome under the names that Ensembl, UCSC and NCBI give it. */
import { closestString } from "@std/text";
import { shortId } from "../dataset/ids.ts";

/** Names of a genome's chromosomes, found by other people's names for them. */
export class ChromosomeNames {
  readonly #names: ReadonlySet<string>;
  readonly #byPlainName = new Map<string, string>();

  constructor(names: Iterable<string>) {
    this.#names = new Set(names);
    for (const name of this.#names) {
      const plain = plainName(name);
      if (!this.#byPlainName.has(plain)) this.#byPlainName.set(plain, name);
    }
  }

  /** The genome's own name: the same, else with or without `chr`; undefined where it has none such. */
  find(name: string): string | undefined {
    return this.#names.has(name) ? name : this.#byPlainName.get(plainName(name));
  }

  /** For a message: the name that looks most like one that is not there. */
  nearest(name: string): string {
    return shortId(closestString(name.slice(0, 100), [...this.#names]));
  }
}

/** Human and mouse chromosomes by NCBI's accessions: NC_000001 to 24 and NC_000067 to 87, X and Y last. */
const ncbi = new Map<string, string>([["NC_012920", "MT"], ["NC_005089", "MT"]]);
for (const [first, autosomes] of [[1, 22], [67, 19]]) {
  for (let i = 0; i < autosomes + 2; i++) {
    const name = i < autosomes ? String(i + 1) : "XY"[i - autosomes];
    ncbi.set(`NC_${String(first + i).padStart(6, "0")}`, name);
  }
}

/** Without `chr`; the mitochondrion as MT; UCSC's `chr1_KI270706v1_random` by its accession, `KI270706.1`. */
function plainName(name: string): string {
  const accession = /^chr(?:Un|\w{1,2})_([A-Z]+\d+)v(\d+)(?:_(?:random|alt|fix))?$/.exec(name);
  if (accession) return `${accession[1]}.${accession[2]}`;
  const plain = ncbi.get(name.replace(/\.\d+$/, "")) ?? name.replace(/^chr(?=.)/i, "");
  return plain === "M" ? "MT" : plain;
}
