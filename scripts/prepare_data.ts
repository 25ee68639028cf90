#!/usr/bin/env -S deno run -P
/**
 * From a screen to the data folder that the other scripts read: targets, sequences, splits, and what evaluation needs.
 *
 *   deno run -P scripts/prepare_data.ts --h5ad screen.h5ad --inspect                     (what is in it, which command suits)
 *   deno run -P scripts/prepare_data.ts --h5ad screen.h5ad --gtf genes.gtf.gz --genome genome.fa --output my-data
 *   deno run -P scripts/prepare_data.ts --mtx filtered_feature_bc_matrix --guides calls.csv --gtf genes.gtf.gz --output my-data
 *   deno run -P scripts/prepare_data.ts --sequences-only --tfs tfs.txt --gtf genes.gtf.gz --genome genome.2bit --output my-data
 */
import { join } from "@std/path";
import { UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { counted, printOutput, resultLine } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { checkWritable } from "../lib/io/atomic_write.ts";
import { readIdList } from "../lib/io/id_list.ts";
import { inspectionLines } from "../lib/preparation/inspect.ts";
import { openScreen } from "../lib/preparation/open_screen.ts";
import { makePlan, screenFacts } from "../lib/preparation/plan.ts";
import { type PrepareFlags, prepareFlags } from "../lib/preparation/prepare_flags.ts";
import { prepareScreen } from "../lib/preparation/prepare_screen.ts";
import { promotersOf, readGenomeTables } from "../lib/preparation/promoter_files.ts";
import { writeRecord } from "../lib/preparation/record.ts";
import { writeTargetsH5ad } from "../lib/preparation/targets_h5ad.ts";
import { writeDataFolder, writeSequenceFiles } from "../lib/preparation/write_folder.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(prepareFlags, {
    script: "scripts/prepare_data.ts",
    about:
      "From a screen (h5ad, cellranger's matrix, a table), a GTF and a genome to the data folder that the other scripts read.",
    examples: [
      "--h5ad screen.h5ad --inspect",
      "--h5ad screen.h5ad --gtf genes.gtf.gz --genome genome.fa --output my-data",
    ],
  }, args);
  if (flags.sequencesOnly) return await writeSequencesOnly(flags);
  if (!flags.inspect) {
    await checkWritable(join(outputOf(flags), "prepare.json"), "--output names another folder");
  }

  const tables = await readGenomeTables(flags);
  const screen = await openScreen(flags);
  try {
    const facts = await screenFacts(screen, tables);
    if (flags.inspect) return printOutput(inspectionLines(screen, facts, flags).join("\n"));
    const plan = await makePlan(screen, facts, flags);
    const { prepared, facts: done } = await prepareScreen(screen, plan, tables, flags);
    const folder = outputOf(flags);
    const written = await writeDataFolder(folder, prepared, { folds: flags.nFolds, seed: flags.seed });
    if (flags.h5adOut !== null) await writeTargetsH5ad(flags.h5adOut, prepared);
    await writeRecord(folder, { screen, plan, prepared, facts: done, written }, flags);
    resultLine(
      `Wrote ${counted(prepared.tfs.length, "perturbation")} (${
        counted(prepared.tfs.filter(({ isReadOut }) => isReadOut).length, "TF")
      } among the read-out genes) x ${
        counted(prepared.genes.length, "gene")
      } to "${folder}"; all choices are in prepare.json`,
    );
  } finally {
    screen.close();
  }
}

function outputOf({ output }: PrepareFlags): string {
  if (output !== null) return output;
  throw new UsageError("Flag --output is needed: the data folder that is written (or --inspect)");
}

/** Sequences of the genes that --tfs and --genes list. */
async function writeSequencesOnly(flags: PrepareFlags): Promise<void> {
  const folder = outputOf(flags);
  const screens = (["h5ad", "mtx", "table"] as const).filter((name) => flags[name] !== null);
  if (screens.length > 0) {
    throw new UsageError(`Cannot use --${screens[0]} with --sequences-only: no screen is read`);
  }
  if (flags.gtf === null || flags.genome === null) {
    throw new UsageError("Flags --gtf and --genome are needed with --sequences-only");
  }
  const named = (["tfs", "genes"] as const).filter((name) => flags[name] !== null);
  if (named.length === 0) {
    throw new UsageError("Flag --tfs or --genes is needed with --sequences-only: a list of genes");
  }
  const lists = [];
  for (const name of named) {
    lists.push({
      ids: await readIdList(flags[name]!),
      what: name === "tfs" ? "TF" : "gene",
      path: flags[name]!,
    });
  }
  await checkWritable(join(folder, "data", "tf_sequences.csv"), "--output names another folder");
  const found = await promotersOf(lists, await readGenomeTables(flags), flags);
  const rows = (name: "tfs" | "genes") => found[named.indexOf(name)] ?? [];
  const written = await writeSequenceFiles(folder, { tfs: rows("tfs"), genes: rows("genes") }, []);
  const counts = named.map((name) => `${rows(name).length} sequences of ${name === "tfs" ? "TFs" : "genes"}`);
  resultLine(
    `Wrote ${counts.join(" and ")} to ${written.map((path) => `"${join(folder, path)}"`).join(" and ")}`,
  );
}

if (import.meta.main) await runScript(main, import.meta);
