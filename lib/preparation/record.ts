/** `prepare.json`: every choice with its reason, what was counted, and the hashes of all files. */
import { join } from "@std/path";
import { programVersion } from "../experiment/manifest.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { hashFile } from "../io/file_hash.ts";
import { windowShape } from "./promoter_files.ts";
import type { Plan } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Prepared } from "./prepared.ts";
import type { PreparationFacts } from "./prepare_screen.ts";
import type { Screen } from "./screen.ts";

export interface RecordOf {
  readonly screen: Screen;
  readonly plan: Plan;
  readonly prepared: Prepared;
  readonly facts: PreparationFacts;
  /** Paths below the folder. */
  readonly written: readonly string[];
}

export async function writeRecord(
  folder: string,
  { screen, plan, prepared, facts, written }: RecordOf,
  flags: PrepareFlags,
): Promise<void> {
  const { tfs, genes, promoters } = prepared, { matrix } = screen;
  const inputs = [
    ...screen.files,
    ...[flags.gtf, flags.genome, flags.aliases, flags.tfs, flags.genes].filter((path) => path !== null),
  ];
  const record = {
    format: "hs27-prepare",
    version: 1,
    created: new Date().toISOString(),
    program: programVersion,
    deno: Deno.version.deno,
    choices: {
      matrix: { name: matrix.name, rows: matrix.rows, columns: matrix.columns, layout: matrix.layout },
      values: plan.values,
      normalize: { way: plan.normalize, target_sum: facts.targetSum },
      perturbation_column: { name: plan.column.name, reason: plan.column.reason },
      guides_cut_to_genes: plan.cutGuides,
      control: { way: plan.controls.kind, reason: plan.controls.reason },
      cells_column: plan.grouping.cellsColumn,
      halves_by: flags.halves ? plan.guideColumn ?? "rows" : null,
      gene_ids: plan.genes.reason,
      de: facts.de,
      expression: facts.expression,
      window: promoters === null ? null : { ...windowShape(flags), tss: flags.tss },
    },
    counts: {
      rows: plan.grouping.counts,
      rows_without_counts: facts.rowsWithoutCounts,
      perturbations: tfs.length,
      perturbations_that_are_genes: tfs.filter(({ isKnown }) => isKnown).length,
      tfs_among_read_out_genes: tfs.filter(({ isReadOut }) => isReadOut).length,
      genes: genes.length,
      genes_below_min_mean: facts.genesBelowMean,
      genes_without_sequence: facts.genesWithoutSequence,
      tf_sequences: promoters?.tfs.length ?? null,
    },
    not_found: tfs.filter(({ isKnown }) => !isKnown).map(({ name }) => name),
    perturbations: tfs.map(({ name, id, rows, cells }) => ({
      name,
      id,
      rows,
      ...cells !== null && { cells },
    })),
    flags: Object.fromEntries(Object.entries(flags).filter(([name]) => name !== "given")),
    inputs: inputs.map(hashFile),
    files: written.map((path) => ({ ...hashFile(join(folder, path)), path })),
  };
  await writeFileAtomic(join(folder, "prepare.json"), JSON.stringify(record, null, 2) + "\n");
}
