#!/usr/bin/env -S deno run -P
/**
 * Make the synthetic data set of data/demo: 96 transcription factors x 600 genes, with the real files' names and shapes.
 * The same seed writes the same bytes.
 *
 *   deno run -P scripts/make_demo_data.ts
 *   deno run -P scripts/make_demo_data.ts --screen my-screen      (a screen, a GTF and a genome for prepare_data.ts instead)
 */
import { fromFileUrl, join } from "@std/path";
import { parseFlags } from "../lib/cli/flags.ts";
import { resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { type DemoData, makeDemoData } from "../lib/dataset/demo_data.ts";
import { writeDemoScreen } from "../lib/dataset/demo_screen.ts";
import { kFold } from "../lib/dataset/kfold.ts";
import { writeFileAtomic } from "../lib/io/atomic_write.ts";
import { encodeCsv } from "../lib/io/csv.ts";
import { writeNpy } from "../lib/io/npy.ts";
import { encodeSplitsPickle } from "../lib/io/pickle.ts";
import { type Matrix, row } from "../lib/linalg/matrix.ts";

const declarations = {
  "output-dir": {
    default: null,
    type: "text",
    value: "DIR",
    shownDefault: "data/demo of this repository",
    help: "where the data set is written",
  },
  "screen": {
    default: null,
    type: "text",
    value: "DIR",
    help:
      "write a made-up screen (screen.h5ad, genes.gtf.gz, genome.fa) for prepare_data.ts there, and nothing else",
  },
  "seed": { default: 2024, min: 0, help: "seed of all random numbers" },
} as const;

const sizes = { tfs: 96, genes: 600, ntWidth: 512, hyenaWidth: 256, promoterLength: 12_000 };

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(declarations, {
    script: "scripts/make_demo_data.ts",
    about: "Make the synthetic data set of data/demo. The same seed writes the same bytes.",
  }, args);
  if (flags.screen !== null) {
    const { cells, genes } = await writeDemoScreen(flags.screen, flags.seed);
    return resultLine(
      `Wrote a screen of ${cells} cells x ${genes} genes with its GTF and genome to ${flags.screen}`,
    );
  }
  const folder = flags.outputDir ?? fromFileUrl(new URL("../data/demo", import.meta.url));
  const data = makeDemoData(sizes, flags.seed);
  await writeTargets(join(folder, "data", "artifacts"), data);
  await writeSequences(join(folder, "data"), data);
  await writeEmbeddings(folder, data);
  resultLine(`Wrote ${sizes.tfs} transcription factors x ${sizes.genes} genes to ${folder}`);
}

async function writeTargets(
  artifacts: string,
  { geneIds, tfGenes, tfSymbols, responses }: DemoData,
): Promise<void> {
  const tfIds = tfGenes.map((gene) => geneIds[gene]);
  const cells = tfSymbols.map((_, tf) => Array.from(row(responses, tf), (value) => value.toFixed(5)));
  const write = (name: string, content: string | Uint8Array) =>
    writeFileAtomic(join(artifacts, name), content);
  const full = cells.map((values, tf) => [tfSymbols[tf], tfIds[tf], ...values]);
  await write("targets_377.csv", encodeCsv(["gene_name", "gene_id", ...geneIds], full));
  const overlap = cells.map((values, tf) => [tfSymbols[tf], ...values]);
  await write("targets_377_overlap.csv", encodeCsv(["gene_name", ...geneIds], overlap));
  await write("gene_index.txt", geneIds.join("\n") + "\n");
  await write(
    "cv_splits_5fold_42.pkl",
    encodeSplitsPickle({
      method: "5fold",
      nSplits: 5,
      randomState: 42,
      totalSamples: tfIds.length,
      folds: kFold(tfIds.length, 5, 42),
      perturbations: tfIds,
    }),
  );
}

async function writeSequences(
  folder: string,
  { geneIds, tfGenes, tfSymbols, promoters }: DemoData,
): Promise<void> {
  const rows = promoters.map((sequence, tf) => {
    const place = [String(1 + tf % 22), String(1_000_000 + 7919 * tf), tf % 2 ? "-" : "+"];
    return [tfSymbols[tf], geneIds[tfGenes[tf]], ...place, sequence];
  });
  const header = ["gene_name", "gene_id", "chrom", "tss", "strand", "sequence"];
  await writeFileAtomic(join(folder, "tf_sequences.csv"), encodeCsv(header, rows));
  const overlap = promoters.map((sequence, tf) => [geneIds[tfGenes[tf]], sequence]);
  await writeFileAtomic(
    join(folder, "tf_sequences_12kb_overlap.csv"),
    encodeCsv(["gene_id", "sequence"], overlap),
  );
}

async function writeEmbeddings(folder: string, data: DemoData): Promise<void> {
  const tfIds = data.tfGenes.map((gene) => data.geneIds[gene]);
  const write = (name: string, { data: values, rows, columns }: Matrix) =>
    writeNpy(join(folder, name), { shape: [rows, columns], data: values });
  const writeIds = (name: string, ids: string[]) =>
    writeNpy(join(folder, name), { shape: [ids.length], data: ids });
  await write("NT-v2-50M/NTv2_50m_tf_embeddings.npy", data.ntTfs);
  await writeIds("NT-v2-50M/NTv2_50m_tf_ids.npy", tfIds);
  await write("NT-v2-50M/NTv2_50m_gene_embeddings.npy", data.ntGenes);
  await writeIds("NT-v2-50M/NTv2_50m_gene_ids.npy", data.geneIds);
  await write("HyenaDNA_outputs/hyenadna_tf_embeddings_mean.npy", data.hyenaTfs);
  await writeFileAtomic(join(folder, "HyenaDNA_outputs/hyenadna_tf_gene_index.txt"), tfIds.join("\n") + "\n");
}

if (import.meta.main) await runScript(main, import.meta);
