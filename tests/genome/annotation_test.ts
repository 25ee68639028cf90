import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { type Gene, geneTss, readAnnotation } from "../../lib/genome/annotation.ts";
import { inFolder } from "../support/temporary_folder.ts";

const tp53 = { symbol: "TP53", strand: "-" as const, first: 7661779, last: 7687538 };
const ensemblGtf = `#!genome-build GRCh38.p14
#!genome-version GRCh38
17	havana	gene	7661779	7687538	.	-	.	gene_id "ENSG00000141510"; gene_version "19"; gene_name "TP53"; gene_source "ensembl_havana"; gene_biotype "protein_coding";
17	havana	transcript	7661779	7676594	.	-	.	gene_id "ENSG00000141510"; transcript_id "ENST1"; gene_name "TP53"; tag "basic";
17	havana	exon	7676521	7676594	.	-	.	gene_id "ENSG00000141510"; transcript_id "ENST2"; tag "Ensembl_canonical";
17	havana	transcript	7668421	7687490	.	-	.	gene_id "ENSG00000141510"; transcript_id "ENST2"; gene_name "TP53"; tag "CCDS"; tag "Ensembl_canonical"; tag "MANE_Select";
17	havana	gene	7700000	7700100	.	+	.	gene_id "ENSG00000000001"; gene_version "1"; gene_biotype "a; \\"b\\" c";
`;

const files: { what: string; text: string; expected: Gene[] }[] = [
  {
    what: "Ensembl's GTF",
    text: ensemblGtf,
    expected: [
      { id: "ENSG00000141510", chrom: "17", ...tp53, canonicalTss: 7687490 },
      {
        id: "ENSG00000000001",
        symbol: "ENSG00000000001",
        chrom: "17",
        strand: "+",
        first: 7700000,
        last: 7700100,
        canonicalTss: null,
      },
    ],
  },
  {
    what: "GENCODE's GTF",
    text: `##description: evidence-based annotation of the human genome (GRCh38), version 44 (Ensembl 110)
chr17\tHAVANA\tgene\t7661779\t7687538\t.\t-\t.\tgene_id "ENSG00000141510.19"; gene_type "protein_coding"; gene_name "TP53"; level 2; hgnc_id "HGNC:11998";
chr17\tHAVANA\ttranscript\t7668421\t7687490\t.\t-\t.\tgene_id "ENSG00000141510.19"; transcript_id "ENST2.9"; gene_name "TP53"; level 2; tag "basic"; tag "Ensembl_canonical";
`,
    expected: [{ id: "ENSG00000141510.19", chrom: "chr17", ...tp53, canonicalTss: 7687490 }],
  },
  {
    what: "NCBI's GTF",
    text: `#gtf-version 2.2
#!genome-build GRCh38.p14
NC_000017.11\tBestRefSeq\tgene\t7661779\t7687538\t.\t-\t.\tgene_id "TP53"; transcript_id ""; db_xref "GeneID:7157"; gene "TP53"; gene_biotype "protein_coding"; gene_synonym "BCC7";
NC_000017.11\tBestRefSeq\ttranscript\t7668421\t7687490\t.\t-\t.\tgene_id "TP53"; transcript_id "NM_000546.6"; gene "TP53"; tag "MANE Select";
`,
    expected: [{ id: "TP53", chrom: "NC_000017.11", ...tp53, canonicalTss: 7687490 }],
  },
  {
    what: "Ensembl's GFF3",
    text: `##gff-version 3
##sequence-region   17 1 83257441
17\tEnsembl\tchromosome\t1\t83257441\t.\t.\t.\tID=chromosome:17
17\thavana\tgene\t7661779\t7687538\t.\t-\t.\tID=gene:ENSG00000141510;Name=TP53;biotype=protein_coding;description=tumor protein p53 [Source:HGNC%3BAcc:11998];gene_id=ENSG00000141510;version=19
17\thavana\tmRNA\t7668421\t7687490\t.\t-\t.\tID=transcript:ENST2;Parent=gene:ENSG00000141510;tag=basic,Ensembl_canonical,MANE_Select;transcript_id=ENST2
###
17\thavana\tncRNA_gene\t10\t20\t.\t+\t.\tID=gene:ENSG2;Name=A%2CB;gene_id=ENSG2
##FASTA
>17
ACGT
`,
    expected: [
      { id: "ENSG00000141510", chrom: "17", ...tp53, canonicalTss: 7687490 },
      { id: "ENSG2", symbol: "A,B", chrom: "17", strand: "+", first: 10, last: 20, canonicalTss: null },
    ],
  },
  {
    what: "older GFF3, whose sequences follow at once",
    text: `2L\tFlyBase\tgene\t10\t20\t.\t+\t.\tID=FBgn1;Name=CG1
2L\tFlyBase\tmRNA\t12\t20\t.\t+\t.\tID=FBtr1;Parent=FBgn1;tag=RefSeq Select
2L\tRefSeq\tpseudogene\t30\t40\t.\t-\t.\tlocus_tag=B0001
>2L
ACGT
`,
    expected: [
      { id: "FBgn1", symbol: "CG1", chrom: "2L", strand: "+", first: 10, last: 20, canonicalTss: 12 },
      { id: "B0001", symbol: "B0001", chrom: "2L", strand: "-", first: 30, last: 40, canonicalTss: null },
    ],
  },
  {
    what: "NCBI's GFF3",
    text: `##gff-version 3
NC_000017.11\tBestRefSeq\tgene\t7661779\t7687538\t.\t-\t.\tID=gene-TP53;Dbxref=GeneID:7157,HGNC:HGNC:11998;Name=TP53;gbkey=Gene;gene=TP53
NC_000017.11\tBestRefSeq\tmRNA\t7668421\t7687490\t.\t-\t.\tID=rna-NM_000546.6;Parent=gene-TP53;gene=TP53;tag=MANE Select
`,
    expected: [{ id: "TP53", chrom: "NC_000017.11", ...tp53, canonicalTss: 7687490 }],
  },
];

for (const { what, text, expected } of files) {
  Deno.test(`readAnnotation() reads genes and canonical transcripts of ${what}, also with CRLF and as gzip`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "genes");
      for (const content of [text, gzipSync(text), text.replaceAll("\n", "\r\n"), text.trimEnd()]) {
        await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
        assertEquals((await readAnnotation(path, { canonicalTranscripts: true })).genes, expected);
      }
    }));
}

Deno.test("readAnnotation() looks for no transcripts when they are not asked for, and tells the assembly", () =>
  inFolder(async (folder) => {
    const path = join(folder, "genes.gtf");
    await Deno.writeTextFile(path, ensemblGtf);
    const { genes, build } = await readAnnotation(path, { canonicalTranscripts: false });
    assertEquals(genes.map(({ canonicalTss }) => canonicalTss), [null, null]);
    assertEquals(build, "GRCh38.p14");
    assertEquals(genes.map(geneTss), [7687538, 7700000]);
  }));

const refused: [what: string, text: string, message: string][] = [
  ["an empty file", "", "it holds no genes (expected GTF or GFF3)"],
  [
    "a CSV file",
    "gene_id,sequence\nA,ACGT\n",
    `line 1 has 1 of the 9 columns of GTF and GFF3 ("gene_id,sequence")`,
  ],
  ["a row that is cut off", `${ensemblGtf}17\thavana\tgene\t1\t2`, "line 8 has 5 of the 9 columns"],
  [
    "positions that are none",
    '1\tx\tgene\t20\t10\t.\t+\t.\tgene_id "A";\n',
    `line 1 goes from "20" to "10" (expected two positions from 1 on)`,
  ],
  ["a gene without id", '1\tx\tgene\t1\t10\t.\t+\t.\tnote "A";\n', "line 1 has a gene without gene_id or ID"],
  [
    "a file of transcripts alone, as UCSC's",
    '1\tx\ttranscript\t1\t10\t.\t+\t.\tgene_id "A";\n1\tx\texon\t1\t10\t.\t+\t.\tgene_id "A";\n',
    'it has no row of type "gene", only "transcript", "exon"',
  ],
];
for (const [what, text, message] of refused) {
  Deno.test(`readAnnotation() refuses ${what}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "genes.gtf");
      await Deno.writeTextFile(path, text);
      await assertRejects(() => readAnnotation(path, { canonicalTranscripts: true }), DataError, message);
    }));
}
