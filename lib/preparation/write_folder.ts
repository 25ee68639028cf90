/** The data folder that the other scripts read. */
import { join } from "@std/path";
import { kFold } from "../dataset/kfold.ts";
import { type Promoter, writePromoters } from "../genome/sequences.ts";
import { removeFile } from "../experiment/folders.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsvRow } from "../io/csv.ts";
import { writeParquetFrame } from "../io/parquet_frame.ts";
import { encodeSplitsPickle } from "../io/pickle.ts";
import type { Matrix } from "../linalg/matrix.ts";
import type { Prepared, PreparedTf } from "./prepared.ts";

export interface FolderOptions {
  readonly folds: number;
  readonly seed: number;
}

/** Files that a run may or may not write: what an earlier one left would belong to other data. */
const optional = [
  "data/artifacts/de_genes.parquet",
  "data/artifacts/targets_half_a.parquet",
  "data/artifacts/targets_half_b.parquet",
  "data/artifacts/cv_splits_5fold_42.pkl",
  "data/tf_sequences.csv",
  "data/gene_sequences.csv",
  "data/tf_sequences_12kb_overlap.csv",
];

/**
 * Write all files; each replaces its predecessor as a whole. An earlier prepare.json goes first: it would describe a mixture
 * if this is stopped halfway.
 *
 * @returns their paths below the folder, with slashes
 * @throws {DataError} when the folder cannot be written, or its disk is full
 */
export async function writeDataFolder(
  folder: string,
  prepared: Prepared,
  options: FolderOptions,
): Promise<string[]> {
  await removeFile(join(folder, "prepare.json")); // it comes last again: where it stands, all files are of one run
  const { tfs, genes, targets, halves, de, promoters } = prepared, ids = genes.map(({ id }) => id);
  const written: string[] = [];
  await Deno.remove(join(folder, "prepare.json")).catch(() => {});
  const write = async (path: string, content: Uint8Array | string | Iterable<string>) => {
    await writeFileAtomic(join(folder, path), content);
    written.push(path);
  };
  const frame = async (path: string, values: Matrix) => {
    const index = tfs.map(({ name }) => name);
    await writeParquetFrame(join(folder, path), { index, indexName: "gene_name", columns: ids, values });
    written.push(path);
  };
  const table = { tfs, ids, texts: numberTexts(targets) },
    readOut = tfs.map((_, row) => row).filter((row) => tfs[row].isReadOut);
  await write(
    "data/artifacts/targets.csv",
    targetLines(table, tfs.map((_, row) => row), ["gene_name", "gene_id"]),
  );
  await write("data/artifacts/targets_377.csv", targetLines(table, readOut, ["gene_name", "gene_id"]));
  await write("data/artifacts/targets_377_overlap.csv", targetLines(table, readOut, ["gene_name"]));
  await write("data/artifacts/gene_index.txt", ids.join("\n") + "\n");
  await write("data/artifacts/gene_expression.csv", expressionLines(prepared));
  if (readOut.length >= options.folds) {
    await write(
      `data/artifacts/cv_splits_${options.folds}fold_${options.seed}.pkl`,
      splitsOf(tfs, readOut, options),
    );
  }
  if (halves !== null) {
    await frame("data/artifacts/targets_half_a.parquet", halves[0]);
    await frame("data/artifacts/targets_half_b.parquet", halves[1]);
  }
  if (de !== null) await frame("data/artifacts/de_genes.parquet", de);
  if (promoters !== null) written.push(...await writeSequenceFiles(folder, promoters, tfs));
  else if (tfs.some(({ name, id }) => name !== id)) await write("data/tf_sequences.csv", symbolLines(tfs));
  for (const path of optional.filter((path) => !written.includes(path))) {
    await removeFile(join(folder, path));
  }
  return written;
}

/** TFs, read-out genes, and the TFs that are both: as the fine-tuning reads them. */
export async function writeSequenceFiles(
  folder: string,
  promoters: { readonly tfs: readonly Promoter[]; readonly genes: readonly Promoter[] },
  tfs: readonly PreparedTf[],
): Promise<string[]> {
  const written: string[] = [];
  if (promoters.tfs.length > 0) {
    await writePromoters(join(folder, "data/tf_sequences.csv"), promoters.tfs);
    written.push("data/tf_sequences.csv");
  }
  if (promoters.genes.length > 0) {
    await writePromoters(join(folder, "data/gene_sequences.csv"), promoters.genes);
    written.push("data/gene_sequences.csv");
  }
  const sequenceOf = new Map(promoters.tfs.map(({ asked, sequence }) => [asked, sequence]));
  const both = tfs.filter(({ name, isReadOut }) => isReadOut && sequenceOf.has(name));
  if (both.length === 0) return written;
  const lines = function* (): Generator<string> {
    yield encodeCsvRow(["gene_id", "sequence"]);
    for (const { name, id } of both) yield encodeCsvRow([id, sequenceOf.get(name)!]);
  };
  await writeFileAtomic(join(folder, "data/tf_sequences_12kb_overlap.csv"), lines());
  return [...written, "data/tf_sequences_12kb_overlap.csv"];
}

/** Numbers of each row as text, eight digits: what a float32 holds. Missing ones are empty. */
function numberTexts({ data, rows, columns }: Matrix): string[] {
  return Array.from({ length: rows }, (_, row) => {
    const values = data.subarray(row * columns, (row + 1) * columns);
    return Array.from(values, (value) => Number.isNaN(value) ? "" : String(Number(value.toPrecision(8))))
      .join(",");
  });
}

function* targetLines(
  { tfs, ids, texts }: { tfs: readonly PreparedTf[]; ids: readonly string[]; texts: readonly string[] },
  rows: readonly number[],
  heads: readonly ("gene_name" | "gene_id")[],
): Generator<string> {
  yield encodeCsvRow([...heads, ...ids]);
  for (const row of rows) {
    const names = heads.map((head) => head === "gene_name" ? tfs[row].name : tfs[row].id);
    yield `${encodeCsvRow(names).trimEnd()},${texts[row]}\n`;
  }
}

/** Which symbol is which gene id: what the linear scripts look for in a table of sequences. */
function* symbolLines(tfs: readonly PreparedTf[]): Generator<string> {
  yield encodeCsvRow(["gene_name", "gene_id"]);
  for (const { name, id, isKnown } of tfs) if (isKnown) yield encodeCsvRow([name, id]);
}

function* expressionLines({ genes }: Prepared): Generator<string> {
  yield encodeCsvRow(["gene_id", "gene_name", "mean"]);
  for (const { id, symbol, mean } of genes) yield encodeCsvRow([id, symbol, Number(mean.toPrecision(8))]);
}

function splitsOf(
  tfs: readonly PreparedTf[],
  rows: readonly number[],
  { folds, seed }: FolderOptions,
): Uint8Array {
  return encodeSplitsPickle({
    method: `${folds}fold`,
    nSplits: folds,
    randomState: seed,
    totalSamples: rows.length,
    folds: kFold(rows.length, folds, seed),
    perturbations: rows.map((row) => tfs[row].id),
  });
}
