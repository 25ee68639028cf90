/** Flags for regions of a genome in place of a table of sequences. */
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";

export const regionFlags = {
  "genome": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Regions",
    help: "a genome to take --regions from: FASTA (plain, bgzip or gzip, with .fai or without) or .2bit",
  },
  "regions": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Regions",
    help: "regions in place of --input: BED, or the genes of a GTF or GFF3 with a window about the TSS",
  },
  "genes": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Regions",
    help: "only these genes of a GTF, ids or symbols, one a line",
  },
  "window": {
    default: null,
    type: "integer",
    min: 1,
    group: "Regions",
    shownDefault: "12000",
    help: "bases about a gene's TSS, which stands in their middle",
  },
  "upstream": {
    default: null,
    type: "integer",
    min: 0,
    group: "Regions",
    help: "bases before the TSS, in place of --window",
  },
  "downstream": {
    default: null,
    type: "integer",
    min: 0,
    group: "Regions",
    help: "bases from the TSS on, itself included",
  },
  "tss": {
    default: "gene",
    choices: ["gene", "canonical"],
    group: "Regions",
    help: "the gene's own start, or that of its canonical transcript (Ensembl_canonical, MANE_Select)",
  },
  "aliases": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Regions",
    help: "HGNC's table, for --genes by old symbols",
  },
} as const satisfies FlagDeclarations;

type RegionFlags = Flags<typeof regionFlags>;
interface InputFlags {
  pipeline: string | null;
  input: string | null;
  output: string | null;
  geneCsv: string | null;
  tfCsv: string | null;
  tfOverlapCsv: string | null;
}

/** The flags with --regions as their input. @throws {UsageError} for flags that do not go together */
export function regionsAsInput<F extends RegionFlags & InputFlags>(flags: F): F {
  const { genome, regions, upstream, downstream } = flags;
  if (genome === null && regions === null) {
    const lonely = ["genes", "window", "upstream", "downstream", "tss", "aliases"].find((name) =>
      flags.given.has(name)
    );
    if (lonely === undefined) return flags;
    throw new UsageError(`Cannot use --${lonely} without --genome and --regions`);
  }
  if (genome === null || regions === null) {
    throw new UsageError(
      genome === null
        ? "Flag --genome is needed with --regions: FASTA or .2bit"
        : "Flag --regions is needed with --genome: BED, or a GTF with genes",
    );
  }
  for (
    const [name, value] of Object.entries({
      "input": flags.input,
      "gene-csv": flags.geneCsv,
      "tf-csv": flags.tfCsv,
      "tf-overlap-csv": flags.tfOverlapCsv,
    })
  ) {
    if (value !== null) {
      throw new UsageError(`Cannot use --${name} together with --regions: they are two inputs`);
    }
  }
  if (flags.pipeline === null) {
    throw new UsageError("Flag --pipeline is needed with --regions: ntv2, hyenadna or other");
  }
  if (flags.output === null) {
    throw new UsageError("Flag --output is needed with --regions: a file such as promoters.npy");
  }
  if ((upstream === null) !== (downstream === null)) {
    throw new UsageError(`Flag --${upstream === null ? "upstream" : "downstream"} is needed too`);
  }
  if (upstream !== null && flags.window !== null) {
    throw new UsageError("Cannot use --window together with --upstream and --downstream");
  }
  if (upstream !== null && upstream + downstream! === 0) {
    throw new UsageError("Cannot use --upstream 0 with --downstream 0: no base is left");
  }
  return { ...flags, input: regions };
}
