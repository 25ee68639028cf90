/** Genes of a GTF or GFF3 file as Ensembl, GENCODE and NCBI write them. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import { lineGroups } from "../io/plain_chunks.ts";
import { type FeatureAttributes, gff3Attributes, gtfAttributes } from "./feature_attributes.ts";

export interface Gene {
  /** As the file has it: Ensembl's GTF without version, GENCODE's with, NCBI's the symbol. */
  readonly id: string;
  /** The id where the file names no symbol. */
  readonly symbol: string;
  readonly chrom: string;
  readonly strand: "+" | "-";
  /** First and last base, counted from 1, as in the file. */
  readonly first: number;
  readonly last: number;
  /** TSS of the transcript tagged Ensembl_canonical or MANE_Select, from 1; null without one, or when not asked for. */
  readonly canonicalTss: number | null;
}

export interface Annotation {
  readonly path: string;
  /** In file order. */
  readonly genes: readonly Gene[];
  /** The assembly that the file says it is of, such as GRCh38.p14; null where it says none. */
  readonly build: string | null;
  /** Bases of chromosomes, where a GFF3 file states them. */
  readonly lengths: ReadonlyMap<string, number>;
}

/** TSS of a gene, counted from 1: its first base on +, its last on -. */
export function geneTss({ strand, first, last }: Pick<Gene, "strand" | "first" | "last">): number {
  return strand === "+" ? first : last;
}

/**
 * Read the rows of type `gene` (GFF3: `ncRNA_gene`, `pseudogene` too) of a file, plain or gzip, without holding the rest.
 *
 * @param canonicalTranscripts whether to look for the canonical transcript of each gene
 * @throws {DataError} with the line, where it is neither GTF nor GFF3; when there is no gene
 */
export async function readAnnotation(
  path: string,
  { canonicalTranscripts }: { canonicalTranscripts: boolean },
): Promise<Annotation> {
  const genes: (Gene & { canonicalTss: number | null })[] = [];
  const byId = new Map<string, Gene & { canonicalTss: number | null }>(), types = new Set<string>();
  const lengths = new Map<string, number>();
  let build: string | null = null, lineNumber = 0;
  reading: for await (const lines of lineGroups(path)) {
    for (const line of lines) {
      lineNumber++;
      if (line.length <= 1 && (line.length === 0 || line[0] === 13)) continue;
      if (line[0] === greater && genes.length > 0) break reading; // GFF3: sequences follow, ##FASTA or not
      if (line[0] === hash) {
        const text = decoder.decode(line).trimEnd();
        if (text === "##FASTA") break reading;
        build ??= buildOf(text);
        const [, chrom, length] = /^##sequence-region\s+(\S+)\s+1\s+(\d+)$/.exec(text) ?? [];
        if (chrom !== undefined) lengths.set(chrom, Number(length));
        continue;
      }
      const type = typeOf(line);
      if (type !== null && types.size < 100) types.add(type);
      const isGene = type !== null && geneType.test(type);
      if (type !== null && !isGene && !(canonicalTranscripts && transcriptType.test(type))) continue;
      const feature = parseFeature(path, lineNumber, decoder.decode(line));
      if (isGene) {
        const gene = { ...geneOf(path, lineNumber, feature), canonicalTss: null };
        genes.push(gene);
        for (const key of keysOf(feature)) if (!byId.has(key)) byId.set(key, gene);
      } else if (isCanonical(feature.attributes)) {
        const gene = keysOf(feature).map((key) => byId.get(key)).find((gene) =>
          gene?.chrom === feature.chrom
        );
        if (gene) gene.canonicalTss ??= geneTss(feature);
      }
    }
  }
  if (genes.length > 0) return { path, genes, build, lengths };
  throw new DataError(
    types.size === 0
      ? `Cannot use "${path}": it holds no genes (expected GTF or GFF3)`
      : `Cannot use "${path}": it has no row of type "gene", only ${
        [...types].slice(0, 5).map((type) => `"${shortId(type)}"`).join(", ")
      } (take the GTF or GFF3 of Ensembl, GENCODE or NCBI)`,
  );
}

const hash = 35, greater = 62, tab = 9;
const decoder = new TextDecoder();
const geneType = /^((ncRNA_)?gene|pseudogene)$/;
const transcriptType = /RNA$|transcript$/;

interface Feature {
  readonly chrom: string;
  readonly first: number;
  readonly last: number;
  readonly strand: "+" | "-";
  readonly attributes: FeatureAttributes;
}

/** `#!genome-build GRCh38.p14` of Ensembl and NCBI, GENCODE's `##description: ... of the human genome (GRCh38)`. */
function buildOf(comment: string): string | null {
  const [, named, described] =
    /^#[!#]?\s*genome-(?:build|version)\s+(.*)$|^##description:.*genome \(([^)]+)\)/.exec(comment) ?? [];
  return named ?? described ?? null;
}

/** The third column, without decoding the line; null where there is none. */
function typeOf(line: Uint8Array): string | null {
  const first = line.indexOf(tab),
    second = line.indexOf(tab, first + 1),
    third = line.indexOf(tab, second + 1);
  return first < 0 || second < 0 || third < 0 ? null : decoder.decode(line.subarray(second + 1, third));
}

function parseFeature(path: string, lineNumber: number, line: string): Feature {
  const fail = (reason: string) => new DataError(`Cannot read "${path}": line ${lineNumber} ${reason}`);
  const cells = line.trimEnd().split("\t");
  if (cells.length < 9) {
    throw fail(`has ${cells.length} of the 9 columns of GTF and GFF3 ("${shortId(line)}")`);
  }
  const [chrom, , , start, end, , strand, , attributes] = cells;
  const first = Number(start), last = Number(end);
  if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 1 && last >= first)) {
    throw fail(`goes from "${shortId(start)}" to "${shortId(end)}" (expected two positions from 1 on)`);
  }
  return {
    chrom,
    first,
    last,
    strand: strand === "-" ? "-" : "+",
    attributes: /^\s*[^\s="]+=/.test(attributes) ? gff3Attributes(attributes) : gtfAttributes(attributes),
  };
}

function geneOf(path: string, lineNumber: number, feature: Feature): Omit<Gene, "canonicalTss"> {
  const { attributes, chrom, strand, first, last } = feature;
  const one = (...names: string[]) =>
    names.map((name) => attributes.get(name)?.[0]).find((value) => value !== undefined && value !== "");
  const id = one("gene_id") ?? one("ID")?.replace(/^gene[:-]/i, "") ?? one("locus_tag");
  if (id === undefined) {
    throw new DataError(`Cannot read "${path}": line ${lineNumber} has a gene without gene_id or ID`);
  }
  return { id, symbol: one("gene_name", "gene", "Name", "gene_symbol") ?? id, chrom, strand, first, last };
}

/** What joins a transcript with its gene: GFF3's ID and Parent, GTF's gene_id. */
function keysOf({ attributes }: Feature): string[] {
  const parents = attributes.get("Parent") ?? attributes.get("ID") ?? [];
  return [...parents, ...attributes.get("gene_id") ?? []];
}

/** NCBI writes "MANE Select", and "RefSeq Select" where MANE has none, such as in mouse. */
function isCanonical(attributes: FeatureAttributes): boolean {
  return attributes.get("tag")?.some((tag) => /^(Ensembl_canonical|(MANE|RefSeq)[ _]Select)$/.test(tag)) ??
    false;
}
