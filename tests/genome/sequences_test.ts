import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { readTfSequences } from "../../lib/dataset/tf_sequences.ts";
import { readAnnotation } from "../../lib/genome/annotation.ts";
import { readGeneAliases } from "../../lib/genome/gene_aliases.ts";
import { Genome } from "../../lib/genome/genome.ts";
import {
  type Promoters,
  promoterSequences,
  type PromoterSettings,
  writePromoters,
} from "../../lib/genome/sequences.ts";
import { centred } from "../../lib/genome/windows.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const gtfRow = (
  chrom: string,
  type: string,
  first: number,
  last: number,
  strand: string,
  attributes: string,
) => `${chrom}\thavana\t${type}\t${first}\t${last}\t.\t${strand}\t.\t${attributes}\n`;

const genes = [
  gtfRow("1", "gene", 5, 9, "+", `gene_id "ENSG00000000001"; gene_name "TBXT";`),
  gtfRow("1", "transcript", 7, 9, "+", `gene_id "ENSG00000000001"; tag "Ensembl_canonical";`),
  gtfRow("1", "gene", 2, 6, "-", `gene_id "ENSG00000000002"; gene_name "GATA1";`),
  gtfRow("1", "gene", 8, 9, "-", `gene_id "ENSG00000000003"; gene_name "GATA1";`),
  gtfRow("2", "gene", 1, 9, "-", `gene_id "ENSG00000000004"; gene_name "BMAL1";`),
];

/** Promoters of names from a genome of one chromosome, "AACCGGTTACGT", and from a GTF. */
async function promotersOf(
  folder: string,
  names: string[],
  given: Partial<PromoterSettings> & { gtf?: string; fasta?: string } = {},
): Promise<{ result: Promoters; lines: string[] }> {
  const gtf = join(folder, "genes.gtf"), fasta = join(folder, "g.fa");
  await Deno.writeTextFile(gtf, given.gtf ?? genes.join(""));
  await Deno.writeTextFile(fasta, given.fasta ?? ">chr1\naaccggttacgt\n");
  return await captured(async () => {
    using genome = await Genome.open(fasta);
    const annotation = await readAnnotation(gtf, { canonicalTranscripts: true });
    const settings = { annotation, genome, shape: centred(4), tss: "gene" as const, aliases: null };
    return await promoterSequences({ ids: names, what: "TF", path: "tfs.txt" }, { ...settings, ...given });
  });
}

Deno.test("promoterSequences() finds genes by id with and without version and by symbol, the first of the file wins", () =>
  inFolder(async (folder) => {
    const { result } = await promotersOf(folder, ["GATA1", "ENSG00000000001.7", "ENSG00000000003"]);
    assertEquals(result.rows, [
      {
        asked: "GATA1",
        symbol: "GATA1",
        geneId: "ENSG00000000002",
        chrom: "1",
        tss: 6,
        strand: "-",
        sequence: "AACC",
      },
      {
        asked: "ENSG00000000001.7",
        symbol: "TBXT",
        geneId: "ENSG00000000001",
        chrom: "1",
        tss: 5,
        strand: "+",
        sequence: "CCGG",
      },
      {
        asked: "ENSG00000000003",
        symbol: "GATA1",
        geneId: "ENSG00000000003",
        chrom: "1",
        tss: 9,
        strand: "-",
        sequence: "CGTA",
      },
    ]);
  }));

Deno.test("promoterSequences() counts and names what is not found, not in the genome, or padded", () =>
  inFolder(async (folder) => {
    const { result, lines } = await promotersOf(folder, ["TBXT", "BMAL1", "NOGENE", "GATA1"], {
      shape: centred(20),
    });
    assertEquals(result.rows.map(({ asked }) => asked), ["TBXT", "GATA1"]);
    assertEquals(result.notFound, ["NOGENE"]);
    assertEquals(result.withoutChromosome, ["BMAL1"]);
    assertEquals(result.padded, { windows: 2, bases: 6 + 2 + 5 + 3 });
    const text = lines.join("\n");
    for (
      const part of [
        `1 TF (1 of 4) is not in "${folder}/genes.gtf": left out`,
        "['NOGENE']",
        `1 TF left out: "${folder}/g.fa" has no chromosome "2" (the nearest is "chr1")`,
        "['BMAL1']",
        "2 windows reach beyond the chromosome's end: 16 bases of N (TBXT, GATA1)",
      ]
    ) assertEquals(text.includes(part), true, `${part}\n${text}`);
  }));

Deno.test("promoterSequences() takes the canonical transcript's start, and the gene's own where there is none", () =>
  inFolder(async (folder) => {
    const { result, lines } = await promotersOf(folder, ["TBXT", "GATA1"], { tss: "canonical" });
    assertEquals(result.rows.map(({ tss }) => tss), [7, 6]);
    assertEquals(result.withoutCanonical, 1);
    assertEquals(lines.some((line) => line.includes("1 gene without a canonical transcript")), true);
    const gtf = genes[0];
    await assertRejects(
      () => promotersOf(folder, ["TBXT"], { tss: "canonical", gtf }),
      DataError,
      `Cannot use canonical transcripts: "${folder}/genes.gtf" tags none`,
    );
  }));

Deno.test("promoterSequences() finds old symbols by HGNC's table, and keeps the name that was asked for", () =>
  inFolder(async (folder) => {
    const tables = [
      "hgnc_id\tsymbol\talias_symbol\tprev_symbol\tensembl_gene_id\nHGNC:1\tTBXT\tBRACHYURY\tT|SAVA\tENSG00000000001\n" +
      "HGNC:2\tGATA1\tERYF1\tGF1\tENSG00000000002\n",
      "Approved symbol\tAlias symbols\tPrevious symbols\tEnsembl ID(supplied by Ensembl)\n" +
      "TBXT\tBRACHYURY\tT, SAVA\tENSG00000000001\nGATA1\tERYF1\tGF1\t\n",
    ];
    for (const table of tables) {
      const path = join(folder, "hgnc.txt");
      await Deno.writeTextFile(path, table);
      const aliases = await readGeneAliases(path);
      const { result } = await promotersOf(folder, ["T", "eryf1", "TBXT"], { aliases });
      assertEquals(result.rows.map(({ symbol, geneId }) => [symbol, geneId]), [
        ["T", "ENSG00000000001"],
        ["eryf1", "ENSG00000000002"],
        ["TBXT", "ENSG00000000001"],
      ]);
      assertEquals(result.byAlias, 2);
    }
  }));

Deno.test("an approved symbol is found in an annotation that has the old one", () =>
  inFolder(async (folder) => {
    const path = join(folder, "hgnc.txt");
    await Deno.writeTextFile(path, "symbol\tprev_symbol\nBMAL1\tARNTL\n");
    const gtf = gtfRow("1", "gene", 5, 9, "+", `gene_id "x1"; gene_name "ARNTL";`);
    const { result } = await promotersOf(folder, ["BMAL1"], { gtf, aliases: await readGeneAliases(path) });
    assertEquals(result.rows.map(({ symbol, geneId }) => [symbol, geneId]), [["BMAL1", "x1"]]);
  }));

Deno.test("annotation and genome of two assemblies are one error", () =>
  inFolder(async (folder) => {
    const beyond = `#!genome-build GRCh37\n${genes.join("")}${
      gtfRow("1", "gene", 900, 1000, "+", 'gene_id "F";')
    }`;
    await assertRejects(
      () => promotersOf(folder, ["TBXT"], { gtf: beyond }),
      DataError,
      `1 of 4 genes of "${folder}/genes.gtf" (GRCh37) end beyond their chromosomes in "${folder}/g.fa" ` +
        `("F" at 1000 of chromosome "1", which has 12 bases): they are of two assemblies`,
    );
    await assertRejects(
      () =>
        promotersOf(folder, ["TBXT"], {
          gtf: `##gff-version 3\n##sequence-region 1 1 13\n${genes.join("")}`,
        }),
      DataError,
      `by its ##sequence-region chromosome "1" has 13 bases, in the genome 12: they are of two assemblies`,
    );
    await promotersOf(folder, ["TBXT"], {
      gtf: `##sequence-region 1 1 12\n##sequence-region 2 1 9\n${genes.join("")}`,
    });
    await assertRejects(
      () => promotersOf(folder, ["TBXT"], { fasta: ">contig_5\nACGT\n" }),
      DataError,
      `none of its chromosomes (1, 2) is in the genome (contig_5)`,
    );
    await assertRejects(
      () => promotersOf(folder, ["BMAL1"]),
      DataError,
      `Cannot read the sequences of 1 TF: "${folder}/g.fa" has no chromosome "2"`,
    );
    await assertRejects(
      () => promotersOf(folder, ["Q1", "Q2"]),
      DataError,
      "Cannot match TFs: none of the 2 ids",
    );
  }));

Deno.test("writePromoters() writes the table that the scripts read", () =>
  inFolder(async (folder) => {
    const { result } = await promotersOf(folder, ["GATA1", "TBXT"]);
    const path = join(folder, "tf_sequences.csv");
    await writePromoters(path, result.rows);
    assertEquals(
      await Deno.readTextFile(path),
      "gene_name,gene_id,chrom,tss,strand,sequence\nGATA1,ENSG00000000002,1,6,-,AACC\nTBXT,ENSG00000000001,1,5,+,CCGG\n",
    );
    assertEquals((await readTfSequences(path)).geneIdsOf("TBXT"), ["ENSG00000000001"]);
  }));
