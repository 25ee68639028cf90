import { withoutVersion } from "../dataset/gene_ids.ts";
import type { TfSequences } from "../dataset/tf_sequences.ts";

/** Every name of a perturbation, in upper case, its own first. */
export type NamesOf = (id: string) => readonly string[];

/** Names by symbol and gene id, from `tf_sequences.csv`; without it an id has no other name. */
export function perturbationNames(tfSequences: TfSequences | null): NamesOf {
  const others = new Map<string, string[]>();
  tfSequences?.symbols.forEach((symbol, row) => {
    const names = [symbol, tfSequences.geneIds[row]].map((name) => name.toUpperCase());
    for (const name of names) others.set(name, [...others.get(name) ?? [], ...names]);
  });
  return (id) => {
    const names = [id, withoutVersion(id)].map((name) => name.toUpperCase());
    return [...new Set([...names, ...names.flatMap((name) => others.get(name) ?? [])])];
  };
}
