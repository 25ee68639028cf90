/** Sequences of regions of a genome, for the same batches as those of a table. */
import { basename } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import type { Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { readAnnotation } from "../genome/annotation.ts";
import { readBedWindows } from "../genome/bed_windows.ts";
import { readGeneAliases } from "../genome/gene_aliases.ts";
import { Genome } from "../genome/genome.ts";
import { promoterSequences } from "../genome/sequences.ts";
import { type AroundTss, centred, readWindows } from "../genome/windows.ts";
import { readIdList } from "../io/id_list.ts";
import { lineGroups } from "../io/plain_chunks.ts";
import type { regionFlags } from "./region_flags.ts";
import { checkedSequences, type Sequences } from "./sequences.ts";

type RegionFlags = Flags<typeof regionFlags>;

/**
 * The sequences of `--regions`, in upper case and in the direction of their strands; genes are named by their ids.
 *
 * @throws {DataError} for files that do not fit each other
 * @throws {UsageError} for flags of genes with BED
 */
export async function readRegionSequences(flags: RegionFlags): Promise<Sequences> {
  const path = flags.regions!;
  const isGtf = await isAnnotation(path);
  using genome = await Genome.open(flags.genome!);
  const { origin, ...sequences } = isGtf ? await ofGenes(genome, flags) : await ofBed(genome, flags);
  return checkedSequences(
    { path, ...sequences, origin: { genome: basename(genome.path), ...origin } },
    { upper: true },
  );
}

interface RegionSequences {
  readonly ids: readonly string[];
  readonly sequences: readonly string[];
  readonly origin: Record<string, string | number>;
}

async function ofBed(genome: Genome, flags: RegionFlags): Promise<RegionSequences> {
  const path = flags.regions!;
  for (const name of ["genes", "window", "upstream", "downstream", "tss", "aliases"]) {
    if (flags.given.has(name)) {
      throw new UsageError(
        `Cannot use --${name} with the BED file "${path}": its regions are taken as they are`,
      );
    }
  }
  const { ids, windows } = await readBedWindows(path, genome);
  const { sequences } = await readWindows(genome, windows);
  return { ids, sequences, origin: { regions: "BED" } };
}

async function ofGenes(genome: Genome, flags: RegionFlags): Promise<RegionSequences> {
  const path = flags.regions!, { tss } = flags;
  const annotation = await readAnnotation(path, { canonicalTranscripts: tss === "canonical" });
  const shape: AroundTss = flags.upstream === null
    ? centred(flags.window ?? 12_000)
    : { kind: "around", upstream: flags.upstream, downstream: flags.downstream! };
  const wanted = flags.genes === null
    ? { ids: [...new Set(annotation.genes.map(({ id }) => id))], what: "gene", path }
    : { ids: await readIdList(flags.genes), what: "gene", path: flags.genes };
  const aliases = flags.aliases === null ? null : await readGeneAliases(flags.aliases);
  const found = await promoterSequences(wanted, { annotation, genome, shape, tss, aliases });
  const window = `${shape.upstream} bases before the TSS (${tss}) and ${shape.downstream} from it on`;
  log.info(`${found.rows.length} genes of "${path}": ${window}`);
  return {
    ids: found.rows.map(({ geneId }) => geneId),
    sequences: found.rows.map(({ sequence }) => sequence),
    origin: {
      regions: window,
      regions_left_out: found.notFound.length + found.withoutChromosome.length,
      padded_windows: found.padded.windows,
      padded_bases: found.padded.bases,
    },
  };
}

/** GTF or GFF3, rather than BED: positions stand in the fourth and fifth column. */
async function isAnnotation(path: string): Promise<boolean> {
  const decoder = new TextDecoder(),
    isPosition = (cell: string | undefined) => /^\d+$/.test(cell?.trim() ?? "");
  for await (const lines of lineGroups(path)) {
    for (const line of lines) {
      const text = decoder.decode(line.subarray(0, 1000)).trim();
      if (/^##gff|^#gtf|^#!genome|^##description/.test(text)) return true;
      if (/^($|#|track\b|browser\b)/.test(text)) continue;
      const cells = text.split("\t");
      return !isPosition(cells[1]) && isPosition(cells[3]) && isPosition(cells[4]);
    }
  }
  throw new DataError(`Cannot use "${path}": it holds no regions (expected BED, GTF or GFF3)`);
}
