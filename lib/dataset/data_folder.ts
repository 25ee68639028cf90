/**
 * Where a script's inputs lie and where its results go.
 *
 * Scripts 1 and 2 take `--repo-root` (the folder that holds `artifacts/`, or whose `data/` does), the others
 * `--data-dir`; without any flag that names a place a script runs on the demo data set of this repository.
 */
import { fromFileUrl, join, resolve } from "@std/path";
import { DataError } from "../cli/errors.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import { log } from "../cli/log.ts";

/** A data set's files, and the folder under which results are written. */
export interface DataFolder {
  /** As given, or that of the demo. */
  root: string;
  isDemo: boolean;
  targets: string;
  overlapTargets: string;
  geneIndex: string;
  tfSequences: string;
  /** `tf_sequences_12kb_overlap.csv`, beside tf_sequences.csv. */
  overlapSequences: string;
  ntFolder: string;
  hyenaFolder: string;
  /** Results go to `<results>/<model name>/`. */
  results: string;
}

/** `--repo-root`, for scripts 1 and 2. */
export const repoRootFlags = {
  "repo-root": {
    default: null,
    elsewhere: ["data-dir"],
    type: "text",
    value: "DIR",
    group: "Data",
    shownDefault: "the demo data; . where another path is given",
    help: "folder that holds artifacts/, or whose data/ does",
  },
} as const satisfies FlagDeclarations;

/** `--data-dir`, for scripts 3 to 6. */
export const dataDirFlags = {
  "data-dir": {
    default: null,
    elsewhere: ["repo-root"],
    type: "text",
    value: "DIR",
    group: "Data",
    shownDefault: "the demo data; . where another path is given",
    help: "folder that holds data/artifacts/, NT-v2-50M/ and HyenaDNA_outputs/",
  },
} as const satisfies FlagDeclarations;

/**
 * Files under `--repo-root`, with results beside them.
 *
 * @param otherPaths values of the script's other flags that name inputs: with any of them the root is the current folder
 * @param outputDir value of `--output-dir`
 */
export async function repoRootFolder(
  repoRoot: string | null,
  otherPaths: readonly (string | null)[],
  outputDir: string | null,
): Promise<DataFolder> {
  const isDemo = repoRoot === null && otherPaths.every((path) => path === null);
  const root = isDemo ? demoFolder("--repo-root") : repoRoot ?? ".";
  await expectFolder(root, "--repo-root", "the folder that holds artifacts/, or whose data/ does");
  const holder = await isFolder(join(root, "artifacts")) ? root : join(root, "data");
  if (otherPaths.every((path) => path === null) && !await isFolder(join(holder, "artifacts"))) {
    throw new DataError(
      `Cannot find the data: neither "${join(root, "artifacts")}" nor "${
        join(root, "data", "artifacts")
      }" is a folder ` +
        `(--repo-root names the folder that holds artifacts/, or whose data/ does)`,
    );
  }
  const parent = holder === root ? resolve(root, "..") : root;
  return {
    ...filesOf(parent, holder),
    root,
    isDemo,
    results: outputDir ?? (isDemo ? "results" : join(root, "results")),
  };
}

/**
 * Files under `--data-dir`.
 *
 * @param otherPaths values of the script's other flags that name inputs: with any of them the folder is the current one
 * @param outputDir value of `--output-dir`
 */
export async function dataDirFolder(
  dataDir: string | null,
  otherPaths: readonly (string | null)[],
  outputDir: string,
): Promise<DataFolder> {
  const isDemo = dataDir === null && otherPaths.every((path) => path === null);
  const root = isDemo ? demoFolder("--data-dir") : dataDir ?? ".";
  await expectFolder(root, "--data-dir", "the folder that holds data/artifacts/");
  return { ...filesOf(root, join(root, "data")), root, isDemo, results: outputDir };
}

/** `path` if it exists from the current folder or is absolute, else under the first of `bases` that has it. */
export async function resolveFolder(path: string, bases: readonly string[]): Promise<string> {
  for (const candidate of [path, ...bases.map((base) => resolve(base, path))]) {
    if (await isFolder(candidate)) return candidate;
  }
  throw new DataError(
    `Cannot find the folder "${path}": it is neither under the current folder nor under ${
      bases.map((base) => `"${base}"`).join(" or ")
    }`,
  );
}

function filesOf(root: string, holder: string): Omit<DataFolder, "root" | "isDemo" | "results"> {
  const artifacts = join(holder, "artifacts");
  return {
    targets: join(artifacts, "targets_377.csv"),
    overlapTargets: join(artifacts, "targets_377_overlap.csv"),
    geneIndex: join(artifacts, "gene_index.txt"),
    tfSequences: join(holder, "tf_sequences.csv"),
    overlapSequences: join(holder, "tf_sequences_12kb_overlap.csv"),
    ntFolder: join(root, "NT-v2-50M"),
    hyenaFolder: join(root, "HyenaDNA_outputs"),
  };
}

function demoFolder(flag: string): string {
  log.info(
    `No data folder given: running on the synthetic demo data in data/demo (${flag} DIR takes your own).`,
  );
  return fromFileUrl(new URL("../../data/demo", import.meta.url));
}

async function expectFolder(path: string, flag: string, meaning: string): Promise<void> {
  if (await isFolder(path)) return;
  throw new DataError(`Cannot find the data: there is no folder "${path}" (${flag} names ${meaning})`);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new DataError(`Cannot look into "${path}": ${error instanceof Error ? error.message : error}`);
  }
}
