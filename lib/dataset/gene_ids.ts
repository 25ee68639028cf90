/** What an id looks like: Ensembl's are told from symbols by their form. */

/** `ENS`, letters of the species, the kind (gene, transcript, protein), at least six digits. */
const ensembl = /^ENS([A-Z]*)([GTP])\d{6,}(?:\.\d+)?(?:_PAR_Y)?$/i;

/**
 * An Ensembl id without its version: ENSG00000141510.17 is ENSG00000141510, and ENSG00000182378.15_PAR_Y is
 * ENSG00000182378_PAR_Y, the copy on the Y chromosome. All other names, such as HLA.A, stay as they are.
 */
export function withoutVersion(id: string): string {
  return id.replace(/^(ENS[A-Z]*[GTP]\d{6,})\.\d+(_PAR_Y)?$/i, "$1$2");
}

/** What an Ensembl id says of itself; null for other names. Human ids have no species: "". */
export function ensemblParts(id: string): { species: string; kind: "G" | "T" | "P" } | null {
  const parts = ensembl.exec(id);
  return parts && { species: parts[1].toUpperCase(), kind: parts[2].toUpperCase() as "G" | "T" | "P" };
}
