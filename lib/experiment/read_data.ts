/** Where a run's files lie, and its targets. */
import { fromFileUrl, join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { readIdList } from "../io/id_list.ts";
import { withoutVersion } from "../dataset/gene_ids.ts";
import { readTargets, takeGenes, type Targets, type TargetsOptions } from "../dataset/targets.ts";
import { readTfSequences, type TfSequences } from "../dataset/tf_sequences.ts";
import type { ExperimentFlags } from "./flags.ts";

/** Files of a data folder, under the names that the Python scripts gave them. */
export interface DataFolder {
  readonly root: string;
  readonly artifacts: string;
  /** Folder of tf_sequences.csv. */
  readonly sequences: string;
  /** Folders of NT embeddings, one a size: NT-v2-50M, NT-v2-500M. Where there is none, the one that is usual. */
  readonly ntFolders: readonly string[];
  readonly hyenaFolder: string;
}

/**
 * The folder that --data-dir names: the one that holds `data/artifacts/` or `artifacts/`. Without any flag that names a
 * place it is the demo data set of this repository.
 *
 * @param named values of the flags that name input files
 * @throws {DataError} when there is no such folder
 */
export async function openDataFolder(
  dataDir: string | null,
  named: readonly (string | null)[],
): Promise<DataFolder> {
  const isDemo = dataDir === null && named.every((path) => path === null);
  if (isDemo) {
    log.info(
      "No data folder given: running on the synthetic demo data in data/demo (--data-dir DIR or --targets FILE takes your own).",
    );
  }
  const root = isDemo ? fromFileUrl(new URL("../../data/demo", import.meta.url)) : dataDir ?? ".";
  if (!await isFolder(root)) {
    throw new DataError(
      `Cannot find the data: there is no folder "${root}" (--data-dir names the folder that holds artifacts/, or whose data/ does)`,
    );
  }
  const holder = await isFolder(join(root, "artifacts")) ? root : join(root, "data");
  if (
    dataDir !== null && named.every((path) => path === null) && !await isFolder(join(holder, "artifacts"))
  ) {
    throw new DataError(
      `Cannot find the data: neither "${join(root, "artifacts")}" nor "${
        join(root, "data", "artifacts")
      }" is a folder ` +
        `(--data-dir names the folder that holds artifacts/, or whose data/ does; --targets names a file)`,
    );
  }
  const parent = holder === root ? join(root, "..") : root;
  const embeddings = async (name: string) =>
    await isFolder(join(root, name)) ? join(root, name) : join(parent, name);
  return {
    root,
    artifacts: join(holder, "artifacts"),
    sequences: holder,
    ntFolders: await ntFoldersIn([root, parent]),
    hyenaFolder: await embeddings("HyenaDNA_outputs"),
  };
}

/** Names of the form NT-v2-50M, those in the first place first. */
async function ntFoldersIn(places: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const place of new Set(places)) {
    try {
      const entries = await Array.fromAsync(Deno.readDir(place));
      const names = entries.map(({ name }) => name).filter((name) => /^NT-v2-\d+M$/i.test(name)).sort();
      for (const name of names) if (await isFolder(join(place, name))) found.push(join(place, name));
    } catch { /* told where a file is missing */ }
  }
  return found.length === 0 ? [join(places[1], "NT-v2-50M")] : found;
}

export interface ReadTargets {
  readonly targets: Targets;
  /** What else a perturbation is called; without a table of symbols nothing. */
  readonly otherNames: (id: string) => readonly string[];
  readonly files: string[];
}

/**
 * Read the targets: the file that --targets names, or the data folder's.
 *
 * @param usual file name in the data folder
 * @param options.geneIndex whether the data folder's gene_index.txt orders the genes, as in the linear scripts
 */
export async function readRunTargets(
  flags: ExperimentFlags,
  folder: DataFolder,
  usual: string,
  { geneIndex, ...options }: { geneIndex: boolean } & TargetsOptions,
): Promise<ReadTargets> {
  const path = flags.targets ?? join(folder.artifacts, usual);
  const indexPath = flags.geneIndex ??
    (geneIndex && flags.targets === null ? join(folder.artifacts, "gene_index.txt") : null);
  const index = indexPath === null ? null : await readIdList(indexPath);
  const read = await readTargets(path, {
    ...options,
    idColumn: flags.targetsIdCol ?? options.idColumn,
    genes: index ?? undefined,
  });
  const targets = index === null ? read : inIndexOrder(read, index);
  const table = await readSymbols(flags.tfSeqCsv, join(folder.sequences, "tf_sequences.csv"));
  log.info(`Loaded targets: ${targets.perturbations.length} perturbations × ${targets.genes.length} genes.`);
  const symbols = new Map(targets.symbols?.map((symbol, row) => [targets.perturbations[row], symbol]));
  return {
    targets,
    otherNames(id) {
      const symbol = symbols.get(id);
      return [
        ...symbol ? [symbol] : [],
        ...table?.otherNames(id) ?? [],
      ];
    },
    files: [path, ...indexPath ? [indexPath] : [], ...table ? [table.path] : []],
  };
}

function inIndexOrder(targets: Targets, index: readonly string[]): Targets {
  const column = new Map(targets.genes.map((gene, i) => [withoutVersion(gene), i]));
  return takeGenes(targets, [...new Set(index.map((gene) => column.get(withoutVersion(gene))!))]);
}

async function readSymbols(given: string | null, usual: string): Promise<TfSequences | null> {
  if (given !== null) return await readTfSequences(given);
  const isThere = await Deno.stat(usual).then(({ isFile }) => isFile, () => false);
  return isThere ? await readTfSequences(usual) : null;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new DataError(`Cannot look into "${path}": ${error instanceof Error ? error.message : error}`);
  }
}
