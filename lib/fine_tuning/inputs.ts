/** What script 7 reads: targets, promoter sequences, a pretrained model. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { counted, log, warnWithExamples } from "../cli/log.ts";
import { dataDirFlags, dataDirFolder, type DataFolder } from "../dataset/data_folder.ts";
import { alignPromoters } from "../dataset/promoters.ts";
import { outputDirFlags } from "../dataset/run_flags.ts";
import { readTargets, takePerturbations, type Targets } from "../dataset/targets.ts";
import { readSequences } from "../embedding/sequences.ts";
import { openPretrainedNt, type PretrainedNt, tokenizeSequences } from "../models/nt_pretrained.ts";

/** Flags that name inputs. */
export const ia3InputFlags = {
  ...dataDirFlags,
  "model": {
    default: "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species",
    value: "MODEL",
    group: "Data",
    help: "pretrained model: a folder, or its name on the Hugging Face hub",
  },
  "sequences-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "data/tf_sequences_12kb_overlap.csv, else data/tf_sequences.csv, of the data folder",
    help: "promoter DNA: columns gene_id and sequence, or FASTA",
  },
  "targets-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "data/artifacts/targets_377.csv of the data folder",
    help: "expression changes, one row a TF",
  },
  "id-col": { default: "gene_id", value: "NAME", group: "Data", help: "column of ids in the sequences' CSV" },
  "sequence-col": { default: "sequence", value: "NAME", group: "Data", help: "column of DNA in it" },
  "upper": { default: false, group: "Data", help: "make lower-case letters of sequences upper case" },
  "max-length": {
    default: 2048,
    min: 2,
    group: "Data",
    help: "tokens of a sequence; what is longer is cut (12,000 bases are 2,001 tokens)",
  },
  ...outputDirFlags,
} as const satisfies FlagDeclarations;

export interface Ia3Inputs {
  /** Perturbations that have a sequence, in the file's order. */
  readonly targets: Targets;
  /** Tokens of their sequences. */
  readonly tokenIds: readonly Int32Array[];
  readonly model: PretrainedNt;
  /** Perturbations without a sequence. */
  readonly dropped: number;
  /** Sequences cut to --max-length. */
  readonly truncated: number;
}

/** @throws {DataError} when a file is missing or damaged, or no perturbation has a sequence */
export async function readIa3Inputs(
  flags: Omit<Flags<typeof ia3InputFlags>, "given" | "debug">,
): Promise<Ia3Inputs> {
  const data = await dataDirFolder(flags.dataDir, [flags.sequencesCsv, flags.targetsCsv], flags.outputDir);
  const all = await readTargets(flags.targetsCsv ?? data.targets);
  const promoters = await readSequences(flags.sequencesCsv ?? await defaultSequences(data), {
    idColumn: flags.idCol,
    sequenceColumn: flags.sequenceCol,
    upper: flags.upper,
  });
  const { targetRows, sequences, dropped } = alignPromoters(all, promoters);
  if (dropped.length > 0) {
    warnWithExamples(
      `Left out ${
        counted(dropped.length, "perturbation")
      } of ${all.perturbations.length} without a sequence.`,
      dropped,
    );
  }
  const model = await openPretrainedNt(flags.model, { warn: log.warn });
  const { tokenIds, truncated } = tokenizeSequences(model.tokenizer, sequences, flags.maxLength);
  const targets = takePerturbations(all, targetRows);
  const longest = Math.max(...tokenIds.map(({ length }) => length));
  log.info(
    `Data: ${counted(targetRows.length, "TF")} with sequences of up to ${longest} tokens, ` +
      `${counted(targets.genes.length, "gene")}.`,
  );
  return { targets, tokenIds, model, dropped: dropped.length, truncated };
}

async function defaultSequences(data: DataFolder): Promise<string> {
  const exists = await Deno.stat(data.overlapSequences).then(({ isFile }) => isFile, () => false);
  if (!exists) log.info(`No "${data.overlapSequences}": taking the sequences of "${data.tfSequences}".`);
  return exists ? data.overlapSequences : data.tfSequences;
}
