/** The measured values that all models are judged by, and what their rows and columns are called. */
import { basename, dirname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { matchIds } from "../dataset/matching.ts";
import { readTargets, symbolsById, type Targets } from "../dataset/targets.ts";
import { readTfSequences } from "../dataset/tf_sequences.ts";
import { exists } from "../experiment/folders.ts";
import { describeFile, type FileFact } from "../io/file_fact.ts";
import { readCsvTable } from "../io/csv.ts";
import type { ModelSource } from "./model_source.ts";
import { hasSiblings } from "./siblings.ts";

export interface Truth {
  readonly targets: Targets;
  readonly file: FileFact;
  /** What else a perturbation is called. */
  otherNames(id: string): readonly string[];
  /** What people call a gene: its symbol, where that is known. */
  nameOf(id: string): string;
  /** Mean expression of a gene; NaN where that is not known. */
  meanOf(id: string): number;
  /** The table that describes genes; null without one. */
  readonly genesIn: string | null;
}

interface TruthFlags {
  readonly targets: string | null;
  readonly targetsIdCol: string | null;
  readonly tfSeqCsv: string | null;
  readonly geneNames: string | null;
}

/**
 * @throws {UsageError} without --targets where no result tells them
 * @throws {DataError} when the results were made from different values, or their file is gone or was changed
 */
export async function readTruth(flags: TruthFlags, sources: readonly ModelSource[]): Promise<Truth> {
  const { targets, file } = flags.targets === null ? await recordedTargets(sources) : {
    targets: await readTargets(flags.targets, { prefer: "gene_id" }),
    file: await describeFile(flags.targets),
  };
  const translation = flags.tfSeqCsv ?? await recordedSequences(sources);
  const sequences = translation === null ? null : await readTfSequences(translation);
  const symbols = symbolsById(targets);
  const otherNames = (id: string) => [...symbols[id] ?? [], ...sequences?.otherNames(id) ?? []];
  const { path, names, means } = await readGeneTable(flags.geneNames, file.path);
  targets.perturbations.forEach((id, row) => names.set(id, names.get(id) ?? targets.symbols?.[row] ?? id));
  sequences?.geneIds.forEach((id, row) => names.has(id) || names.set(id, sequences.symbols[row]));
  return {
    targets,
    file,
    otherNames,
    nameOf: (id) => names.get(id) ?? id,
    meanOf: (id) => means.get(id) ?? NaN,
    genesIn: path,
  };
}

function idColumn(name: string | null): { idColumn?: string } {
  return name === null ? {} : { idColumn: name };
}

/** The targets that the results name, once their bytes were found to be the same. */
async function recordedTargets(
  sources: readonly ModelSource[],
): Promise<{ targets: Targets; file: FileFact }> {
  const recorded = new Map<string, { fact: FileFact; source: ModelSource }>();
  for (const source of sources) {
    const fact = source.manifest?.inputs[0];
    if (fact) recorded.set(fact.sha256, recorded.get(fact.sha256) ?? { fact, source });
  }
  if (recorded.size === 0) {
    throw new UsageError(
      "Flag --targets is needed: the measured values that the predictions are compared with",
    );
  }
  const read: { targets: Targets; file: FileFact; source: ModelSource }[] = [];
  for (const { fact, source } of recorded.values()) {
    if (!await exists(fact.path)) {
      throw new DataError(
        `Cannot find the targets of "${source.path}": there is no "${fact.path}" (--targets names the file)`,
      );
    }
    const file = await describeFile(fact.path);
    if (file.sha256 !== fact.sha256) {
      throw new DataError(
        `Cannot compare "${source.path}": its targets "${fact.path}" were changed since (run the script again, or name the ` +
          `file with --targets)`,
      );
    }
    const named = source.manifest?.flags.targetsIdCol;
    const options = { prefer: "gene_id" as const, ...idColumn(typeof named === "string" ? named : null) };
    read.push({ targets: await readTargets(fact.path, options), file, source });
  }
  // A file that names each row twice finds the ids of every script.
  const best = read.find(({ targets }) => targets.symbols !== null) ?? read[0];
  for (const other of read) if (other !== best) refuseOtherValues(best, other);
  return best;
}

/** Files may differ where their numbers do not: the linear scripts read another copy. */
function refuseOtherValues(
  one: { targets: Targets; source: ModelSource },
  two: { targets: Targets; source: ModelSource },
): void {
  const symbols = symbolsById(one.targets);
  const rows = matchIds(
    { ids: one.targets.perturbations, otherNames: (id) => symbols[id] ?? [] },
    { ids: two.targets.perturbations },
  ).rows;
  const columns = matchIds({ ids: one.targets.genes }, { ids: two.targets.genes }).rows;
  let compared = 0, different = 0;
  const a = one.targets.values, b = two.targets.values;
  rows.forEach((otherRow, row) => {
    if (otherRow < 0) return;
    columns.forEach((otherColumn, column) => {
      if (otherColumn < 0) return;
      const x = a.data[row * a.columns + column], y = b.data[otherRow * b.columns + otherColumn];
      compared++;
      if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) different++;
    });
  });
  if (compared > 0 && different === 0) return;
  throw new DataError(
    `Cannot compare "${one.source.path}" with "${two.source.path}": they are of other targets, "${one.targets.path}" and ` +
      `"${two.targets.path}" (${
        compared === 0
          ? "no perturbation and gene in common"
          : `${different} of ${compared} common cells differ`
      }; --targets names those to judge all by)`,
  );
}

async function recordedSequences(sources: readonly ModelSource[]): Promise<string | null> {
  for (const { manifest } of sources) {
    for (const { path } of manifest?.inputs ?? []) {
      if (/^tf_sequences\.csv$/.test(basename(path)) && await exists(path)) return path;
    }
  }
  return null;
}

/** What the table of genes says; empty without one. */
interface GeneTable {
  readonly path: string | null;
  readonly names: Map<string, string>;
  readonly means: ReadonlyMap<string, number>;
}

async function readGeneTable(named: string | null, targets: string): Promise<GeneTable> {
  const beside = join(dirname(targets), "gene_expression.csv");
  const path = named ?? (hasSiblings(targets) && await exists(beside) ? beside : null);
  if (path === null) return { path, names: new Map(), means: new Map() };
  const { header, rows } = await readCsvTable(path);
  const [id, name, mean] = ["gene_id", "gene_name", "mean"].map((column) => header.indexOf(column));
  if (id < 0 || (name < 0 && mean < 0)) {
    if (named === null) {
      log.warn(`"${path}" is not used: it has no columns gene_id and gene_name.`);
      return { path: null, names: new Map(), means: new Map() };
    }
    throw new DataError(
      `Cannot use "${path}": columns gene_id and gene_name (or mean) are needed (--gene-names)`,
    );
  }
  log.info(`Genes are described in "${path}".`);
  const filled = (column: number) => column < 0 ? [] : rows.filter((cells) => cells[column] !== "");
  return {
    path,
    names: new Map(filled(name).map((cells) => [cells[id], cells[name]])),
    means: new Map(filled(mean).map((cells) => [cells[id], Number(cells[mean])])),
  };
}

/**
 * Columns of the `count` genes of highest expression (the column `mean` of the table of genes), all without it.
 *
 * @throws {UsageError} when no table tells the expression
 */
export function topExpressed(
  { targets: { genes }, genesIn, meanOf }: Truth,
  count: number | null,
): ReadonlySet<number> {
  const all = genes.map((_, column) => column);
  if (count === null) return new Set(all);
  const known = all.filter((column) => Number.isFinite(meanOf(genes[column])));
  if (known.length === 0) {
    throw new UsageError(
      `Cannot use --top-expressed: ${
        genesIn === null ? "no table tells" : `"${genesIn}" does not tell`
      } how much genes are expressed (--gene-names names one with columns gene_id and mean)`,
    );
  }
  return new Set(known.sort((a, b) => meanOf(genes[b]) - meanOf(genes[a]) || a - b).slice(0, count));
}
