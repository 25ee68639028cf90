/** Why ids of two files do not meet. */
import { ensemblParts } from "./gene_ids.ts";
import { shortId, someIds } from "./ids.ts";

/** Names on one side, Ensembl ids on the other. */
export const symbolsReason = "Are these gene symbols?";

/** Ids that are looked at: the first ones tell the form of all. */
const looked = 50;

/**
 * The likely reason, as a question to the reader; "" when there is no guess.
 *
 * @param wanted ids that were not found, `known` those that they were looked for among
 */
export function mismatchReason(wanted: readonly string[], known: readonly string[]): string {
  const upper = new Set(known.map((id) => id.toUpperCase()));
  if (wanted.slice(0, looked).some((id) => upper.has(id.toUpperCase()))) {
    return "Do the ids differ in case alone?";
  }
  const first = formOf(wanted), second = formOf(known);
  for (const [form, ids] of [[first, wanted], [second, known]] as const) {
    if (form === "row number") return `Are ${someIds(ids, 3)} row numbers in place of ids?`;
    if (form === "decorated") return `Is there more than the id in "${shortId(ids[0])}"?`;
    if (form === "sequence") return `Are these DNA sequences in place of ids?`;
  }
  if (first === "Ensembl" && second === "Ensembl") return betweenEnsembl(wanted, known);
  if (first === "Ensembl" && second === "name" || first === "name" && second === "Ensembl") {
    return symbolsReason;
  }
  return "";
}

type Form = "Ensembl" | "row number" | "decorated" | "sequence" | "name" | "none";

/** The form of most of the ids. */
function formOf(ids: readonly string[]): Form {
  const counts = new Map<Form, number>(), sample = ids.slice(0, looked);
  for (const id of sample) {
    const form = formOfId(id);
    counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? "none";
}

function formOfId(id: string): Form {
  if (ensemblParts(id)) return "Ensembl";
  if (/^\d+(\.0+)?$/.test(id)) return "row number";
  // An Ensembl id within something else, quotes, or spaces around.
  if (/ENS[A-Z]*[GTP]\d{6,}/i.test(id) || /^["'\s]|["'\s]$|[\t,;|\0]/.test(id)) return "decorated";
  if (/^[ACGTN]{30,}$/i.test(id)) return "sequence";
  return /^ENS/i.test(id) ? "none" : "name";
}

/** Both sides are Ensembl ids: another species, or transcripts in place of genes? */
function betweenEnsembl(wanted: readonly string[], known: readonly string[]): string {
  const first = ensemblParts(wanted.find(ensemblParts)!)!, second = ensemblParts(known.find(ensemblParts)!)!;
  const prefix = ({ species, kind }: typeof first) => `ENS${species}${kind}`;
  if (first.species !== second.species) {
    return `Are these genes of two species (${prefix(first)} and ${prefix(second)})?`;
  }
  if (first.kind === second.kind) return "";
  const names = { G: "genes", T: "transcripts", P: "proteins" };
  return `Are these ${names[first.kind]} on one side and ${names[second.kind]} on the other?`;
}
