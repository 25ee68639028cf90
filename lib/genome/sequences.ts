/** Promoter sequences of genes, and the table of them that the scripts read. */
import { DataError } from "../cli/errors.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import { ensemblParts } from "../dataset/gene_ids.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsvRow } from "../io/csv.ts";
import { type Annotation, type Gene, geneTss } from "./annotation.ts";
import { checkAssembly } from "./assembly.ts";
import type { GeneAliases } from "./gene_aliases.ts";
import { findGenes, type WantedGenes } from "./gene_lookup.ts";
import type { Genome } from "./genome.ts";
import { readWindows, tssWindow, type WindowShape } from "./windows.ts";

export interface Promoter {
  /** The name that was asked for. */
  readonly asked: string;
  /** As asked, where that is a symbol, so that files of one data set agree; else the annotation's. */
  readonly symbol: string;
  /** The annotation's. */
  readonly geneId: string;
  readonly chrom: string;
  /** Counted from 1. */
  readonly tss: number;
  readonly strand: "+" | "-";
  /** Upper case, in the gene's direction. */
  readonly sequence: string;
}

export interface Promoters {
  /** In the order of the names; without those that were not found. */
  readonly rows: readonly Promoter[];
  /** Names that the annotation lacks, and names whose chromosome the genome lacks. */
  readonly notFound: readonly string[];
  readonly withoutChromosome: readonly string[];
  /** Names that were found by an alias only. */
  readonly byAlias: number;
  /** Windows that reach beyond a chromosome's end, and N in all of them. */
  readonly padded: { readonly windows: number; readonly bases: number };
  /** Genes without a canonical transcript, where that was asked for: the gene's own TSS is taken. */
  readonly withoutCanonical: number;
}

export interface PromoterSettings {
  readonly annotation: Annotation;
  readonly genome: Genome;
  readonly shape: WindowShape;
  /** `canonical` needs an annotation that was read with `canonicalTranscripts`. */
  readonly tss: "gene" | "canonical";
  readonly aliases: GeneAliases | null;
}

/**
 * Sequences about the TSS of each gene. What is not found, padded, or without a canonical transcript is counted and named
 * in warnings.
 *
 * @param wanted ids or symbols; a repeated one comes out again
 * @throws {DataError} when none is found, or annotation and genome are of two assemblies
 */
export async function promoterSequences(wanted: WantedGenes, settings: PromoterSettings): Promise<Promoters> {
  const { annotation, genome, shape, tss } = settings;
  checkAssembly(annotation, genome);
  const { genes, notFound, byAlias } = findGenes(wanted, annotation, settings.aliases);
  const found = genes.flatMap((gene, i) => gene === null ? [] : [{ gene, asked: wanted.ids[i] }]);
  const placed = found.filter(({ gene }) => genome.nameOf(gene.chrom) !== undefined);
  const unplaced = found.filter(({ gene }) => genome.nameOf(gene.chrom) === undefined);
  tellUnplaced(unplaced.map(({ gene }) => gene), found.length, wanted.what, genome);

  const without = tss === "gene" ? [] : placed.filter(({ gene }) => gene.canonicalTss === null);
  tellWithoutCanonical(without.map(({ gene }) => gene), placed.length, annotation);
  const sites = placed.map(({ gene, asked }) => ({
    asked,
    symbol: asked === gene.id || ensemblParts(asked) ? gene.symbol : asked,
    geneId: gene.id,
    chrom: gene.chrom,
    tss: (tss === "canonical" ? gene.canonicalTss : null) ?? geneTss(gene),
    strand: gene.strand,
  }));
  const { sequences, padded } = await readWindows(genome, sites.map((site) => tssWindow(site, shape)));
  const short = sites.filter((_, i) => padded[i] > 0), bases = padded.reduce((sum, count) => sum + count, 0);
  if (short.length > 0) {
    log.info(
      `${counted(short.length, "window")} ${
        short.length === 1 ? "reaches" : "reach"
      } beyond the chromosome's end: ${counted(bases, "base")} of N (${
        someIds(short.map(({ symbol }) => symbol), 3)
      })`,
    );
  }
  return {
    rows: sites.map((site, i) => ({ ...site, sequence: sequences[i] })),
    notFound,
    withoutChromosome: unplaced.map(({ asked }) => asked),
    byAlias,
    padded: { windows: short.length, bases },
    withoutCanonical: without.length,
  };
}

/** Write `gene_name,gene_id,chrom,tss,strand,sequence`, as `tf_sequences.csv` has them. @throws {DataError} where it cannot be written */
export async function writePromoters(path: string, rows: readonly Promoter[]): Promise<void> {
  await writeFileAtomic(path, promoterLines(rows));
}

function* promoterLines(rows: readonly Promoter[]): Generator<string> {
  yield encodeCsvRow(["gene_name", "gene_id", "chrom", "tss", "strand", "sequence"]);
  for (const { symbol, geneId, chrom, tss, strand, sequence } of rows) {
    yield encodeCsvRow([symbol, geneId, chrom, tss, strand, sequence]);
  }
}

function tellUnplaced(unplaced: readonly Gene[], all: number, what: string, genome: Genome): void {
  if (unplaced.length === 0) return;
  const [{ chrom }] = unplaced;
  if (unplaced.length === all) {
    throw new DataError(`Cannot read the sequences of ${counted(all, what)}: ${genome.unknown(chrom)}`);
  }
  warnWithExamples(
    `${counted(unplaced.length, what)} left out: ${genome.unknown(chrom)}${
      new Set(unplaced.map((gene) => gene.chrom)).size > 1 ? ", nor some others" : ""
    }.`,
    unplaced.map(({ symbol }) => shortId(symbol)),
  );
}

function tellWithoutCanonical(without: readonly Gene[], all: number, { path }: Annotation): void {
  if (without.length === 0) return;
  if (without.length === all) {
    throw new DataError(
      `Cannot use canonical transcripts: "${path}" tags none as Ensembl_canonical or MANE_Select (take a newer one, or the TSS of the gene)`,
    );
  }
  warnWithExamples(
    `${counted(without.length, "gene")} without a canonical transcript: the gene's own start is taken.`,
    without.map(({ symbol }) => shortId(symbol)),
  );
}
