/** Sequences of TFs and read-out genes from a genome. */
import { UsageError } from "../cli/errors.ts";
import { readAnnotation } from "../genome/annotation.ts";
import { readGeneAliases } from "../genome/gene_aliases.ts";
import { Genome } from "../genome/genome.ts";
import { type Promoter, promoterSequences } from "../genome/sequences.ts";
import { centred, type WindowShape } from "../genome/windows.ts";
import { withoutVersion } from "../dataset/gene_ids.ts";
import type { GenomeTables } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";

/** The annotation and the aliases that the flags name. @throws {UsageError} for flags that do not go together */
export async function readGenomeTables(flags: PrepareFlags): Promise<GenomeTables> {
  if (flags.genome !== null && flags.gtf === null) {
    throw new UsageError("Flag --gtf is needed with --genome: it says where the genes are");
  }
  if (flags.gtf === null && flags.aliases !== null) {
    throw new UsageError("Cannot use --aliases without --gtf: old symbols are looked up there");
  }
  windowShape(flags);
  const annotation = flags.gtf === null
    ? null
    : await readAnnotation(flags.gtf, { canonicalTranscripts: flags.tss === "canonical" });
  return { annotation, aliases: flags.aliases === null ? null : await readGeneAliases(flags.aliases) };
}

export function windowShape({ compat, window, upstream, downstream, given }: PrepareFlags): WindowShape {
  if (compat) {
    const other = ["upstream", "downstream", "tss"].find((name) => given.has(name));
    if (other !== undefined) {
      throw new UsageError(`Cannot use --${other} with --compat: it has the original's window`);
    }
    return { kind: "compat", length: window };
  }
  if (upstream === null && downstream === null) return centred(window);
  if (given.has("window")) {
    throw new UsageError(
      "Cannot use --window with --upstream or --downstream: they give the window's two sides",
    );
  }
  const half = Math.floor(window / 2);
  return { kind: "around", upstream: upstream ?? half, downstream: downstream ?? half };
}

/** Sequences of some names each, in one reading of the genome. @returns rows of found genes, ids without versions */
export async function promotersOf(
  lists: readonly { readonly ids: readonly string[]; readonly what: string; readonly path: string }[],
  { annotation, aliases }: GenomeTables,
  flags: PrepareFlags,
): Promise<Promoter[][]> {
  using genome = await Genome.open(flags.genome!);
  const settings = { annotation: annotation!, genome, shape: windowShape(flags), tss: flags.tss, aliases };
  const found: Promoter[][] = [];
  for (const list of lists) {
    const { rows } = await promoterSequences(list, settings);
    found.push(rows.map((row) => ({ ...row, geneId: withoutVersion(row.geneId) })));
  }
  return found;
}
