/** The ninth column of GTF and GFF3: what a feature is called. */

/** Attributes by name; of a name that comes several times (`tag` in GTF) all values. */
export type FeatureAttributes = ReadonlyMap<string, readonly string[]>;

/** GTF: `gene_id "ENSG1"; tag "basic"; tag "MANE_Select";`; numbers may stand without quotes. */
export function gtfAttributes(text: string): FeatureAttributes {
  const found = new Map<string, string[]>();
  for (const [, name, quoted, bare] of text.matchAll(/([^\s;"]+)\s+(?:"([^"]*)"|([^\s;"]+))\s*(?:;|$)/g)) {
    found.getOrInsertComputed(name, () => []).push(quoted ?? bare);
  }
  return found;
}

/** GFF3: `ID=gene:ENSG1;Name=TP53;tag=basic,MANE_Select`, with %2C and the like for what separates. */
export function gff3Attributes(text: string): FeatureAttributes {
  const found = new Map<string, string[]>();
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    found.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim().split(",").map(unescaped));
  }
  return found;
}

function unescaped(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}/g, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));
}
