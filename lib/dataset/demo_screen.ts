/** A made-up screen of single cells with the genome that it was made on: what scripts/prepare_data.ts starts from. */
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { writeH5ad } from "../io/h5ad_write.ts";
import { ModelStream } from "../random/model_stream.ts";
import { type DemoData, makeDemoData } from "./demo_data.ts";

const sizes = {
  genes: 160,
  tfs: 40,
  guides: 2,
  cellsPerGuide: 20,
  controls: 200,
  spacing: 6000,
  chromosomes: 4,
};

/**
 * Write `screen.h5ad` (counts, cells x genes), `genes.gtf.gz` and `genome.fa`. The same seed writes the same numbers.
 *
 * @returns cells and genes
 */
export async function writeDemoScreen(
  folder: string,
  seed: number,
): Promise<{ cells: number; genes: number }> {
  const data = makeDemoData({
    tfs: sizes.genes,
    genes: sizes.genes,
    ntWidth: 1,
    hyenaWidth: 1,
    promoterLength: sizes.spacing,
  }, seed);
  await writeFileAtomic(join(folder, "genome.fa"), genomeLines(data));
  await writeFileAtomic(join(folder, "genes.gtf.gz"), new Uint8Array(gzipSync(gtf(data))));
  const cells = cellsOf(new ModelStream(seed, "demo screen"), data);
  await writeH5ad(join(folder, "screen.h5ad"), {
    obs: {
      index: cells.labels.map((_, cell) => `cell_${String(cell + 1).padStart(4, "0")}`),
      columns: { perturbation: cells.labels, guide: cells.guides },
    },
    var: { index: data.tfSymbols, columns: { gene_ids: data.geneIds } },
    X: { data: cells.counts, rows: cells.labels.length, columns: sizes.genes },
    layers: {},
  });
  return { cells: cells.labels.length, genes: sizes.genes };
}

/** Counts are Poisson about a gene's base rate times e^(four times the response). */
function cellsOf(
  random: ModelStream,
  { responses, tfSymbols }: DemoData,
): { labels: string[]; guides: string[]; counts: Float32Array } {
  const labels: string[] = [], guides: string[] = [], factors: (number | null)[] = [];
  const add = (tf: number | null, label: string, guide: string) => {
    factors.push(tf);
    labels.push(label);
    guides.push(guide);
  };
  for (let tf = 0; tf < sizes.tfs; tf++) {
    for (let cell = 0; cell < sizes.guides * sizes.cellsPerGuide; cell++) {
      add(tf, tfSymbols[tf], `${tfSymbols[tf]}_g${1 + cell % sizes.guides}`);
    }
  }
  for (let cell = 0; cell < sizes.controls; cell++) {
    add(null, "non-targeting", `non-targeting_g${1 + cell % 4}`);
  }
  const rates = Float64Array.from({ length: sizes.genes }, () => Math.exp(1 + random.normal()));
  const counts = new Float32Array(labels.length * sizes.genes);
  factors.forEach((tf, cell) => {
    const depth = Math.exp(0.2 * random.normal());
    rates.forEach((rate, gene) => {
      const change = tf === null ? 0 : 4 * responses.data[tf * sizes.genes + gene];
      counts[cell * sizes.genes + gene] = poisson(random, rate * depth * Math.exp(change));
    });
  });
  return { labels, guides, counts };
}

/** Knuth's way: fine for rates of some tens. */
function poisson(random: ModelStream, rate: number): number {
  const limit = Math.exp(-rate);
  let count = 0;
  for (let product = random.uniform(); product > limit; product *= random.uniform()) count++;
  return count;
}

/** Promoters end to end, an equal number on each chromosome; TSS in their middles. */
function* genomeLines({ promoters }: DemoData): Generator<string> {
  const perChromosome = sizes.genes / sizes.chromosomes;
  for (let chromosome = 0; chromosome < sizes.chromosomes; chromosome++) {
    yield `>chr${chromosome + 1}\n`;
    const bases = promoters.slice(chromosome * perChromosome, (chromosome + 1) * perChromosome).join("");
    for (let at = 0; at < bases.length; at += 60) yield `${bases.slice(at, at + 60)}\n`;
  }
}

function gtf({ geneIds, tfSymbols }: DemoData): string {
  const perChromosome = sizes.genes / sizes.chromosomes, lines = ["#!genome-build made-up"];
  geneIds.forEach((id, gene) => {
    const chrom = 1 + Math.floor(gene / perChromosome),
      tss = (gene % perChromosome + 0.5) * sizes.spacing + 1;
    const place = gene % 2 ? `${tss - 999}\t${tss}\t.\t-` : `${tss}\t${tss + 999}\t.\t+`;
    lines.push(`${chrom}\tdemo\tgene\t${place}\t.\tgene_id "${id}"; gene_name "${tfSymbols[gene]}";`);
  });
  return lines.join("\n") + "\n";
}
