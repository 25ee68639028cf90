/** What the fine-tuning reads beside the targets: promoter sequences and a pretrained model. */
import { join } from "@std/path";
import type { FlagDeclarations, Flags } from "../../../cli/flags.ts";
import { log } from "../../../cli/log.ts";
import { matchedRows, matchIds, reportMatches } from "../../../dataset/matching.ts";
import type { Targets } from "../../../dataset/targets.ts";
import { readSequences } from "../../../embedding/sequences.ts";
import type { DataFolder } from "../../../experiment/read_data.ts";
import { openPretrainedNt, type PretrainedNt, tokenizeSequences } from "../pretrained.ts";

/** Flags that name inputs. */
export const ia3InputFlags = {
  "model": {
    default: "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species",
    value: "MODEL",
    group: "Data",
    help: "pretrained model: a folder, or its name on the Hugging Face hub",
  },
  "sequences": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    aliases: ["sequences-csv"],
    shownDefault: "data/tf_sequences_12kb_overlap.csv, else data/tf_sequences.csv, of the data folder",
    help: "promoter DNA: a table with columns gene_id and sequence, or FASTA",
  },
  "id-col": {
    default: "gene_id",
    value: "NAME",
    group: "Data",
    help: "column of ids in the table of sequences",
  },
  "sequence-col": { default: "sequence", value: "NAME", group: "Data", help: "column of DNA in it" },
  "upper": { default: false, group: "Data", help: "make lower-case letters of sequences upper case" },
  "max-length": {
    default: 2048,
    min: 2,
    group: "Data",
    help: "tokens of a sequence; what is longer is cut (12,000 bases are 2,001 tokens)",
  },
} as const satisfies FlagDeclarations;

export interface Ia3Inputs {
  /** Rows of the targets that have a sequence, in the file's order, and the tokens of each. */
  readonly targetRows: readonly number[];
  readonly tokenIds: readonly Int32Array[];
  readonly model: PretrainedNt;
  /** Perturbations without a sequence. */
  readonly dropped: number;
  /** Sequences cut to --max-length. */
  readonly truncated: number;
  readonly file: string;
}

/** @throws {DataError} when a file is missing or damaged, or no perturbation has a sequence */
export async function readIa3Inputs(
  flags: Omit<Flags<typeof ia3InputFlags>, "given" | "debug">,
  folder: DataFolder,
  targets: Targets,
  otherNames: (id: string) => readonly string[],
): Promise<Ia3Inputs> {
  const promoters = await readSequences(flags.sequences ?? await defaultSequences(folder), {
    idColumn: flags.idCol,
    sequenceColumn: flags.sequenceCol,
    upper: flags.upper,
  });
  const wanted = { ids: targets.perturbations, what: "perturbation", path: targets.path, otherNames };
  const match = matchIds(wanted, promoters);
  reportMatches(match, wanted, promoters, "left out: they have no sequence");
  const rows = matchedRows(match);
  const model = await openPretrainedNt(flags.model, { warn: log.warn });
  const sequences = rows.known.map((row) => promoters.sequences[row]);
  const { tokenIds, truncated } = tokenizeSequences(model.tokenizer, sequences, flags.maxLength);
  const longest = Math.max(...tokenIds.map(({ length }) => length));
  log.info(`Sequences of up to ${longest} tokens for ${rows.wanted.length} TFs.`);
  return {
    targetRows: rows.wanted,
    tokenIds,
    model,
    dropped: match.unmatched.length,
    truncated,
    file: promoters.path,
  };
}

async function defaultSequences({ sequences }: DataFolder): Promise<string> {
  const [overlap, all] = ["tf_sequences_12kb_overlap.csv", "tf_sequences.csv"].map((name) =>
    join(sequences, name)
  );
  const exists = await Deno.stat(overlap).then(({ isFile }) => isFile, () => false);
  if (!exists) log.info(`No "${overlap}": taking the sequences of "${all}".`);
  return exists ? overlap : all;
}
