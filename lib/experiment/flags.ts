/** Flags that all cross-validated scripts share. A script spreads them into its own declarations. */
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { jsonFlags } from "../cli/log.ts";
import { groupFoldKinds } from "../dataset/grouped_splits.ts";
import { plotLimitsFlags } from "../evaluation/plot_limits.ts";

/** Which data a run is about. */
export const dataFlags = {
  "data-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Data",
    aliases: ["repo-root"],
    shownDefault: "the demo data; . where another flag names a file",
    help: "folder that holds artifacts/ or data/artifacts/, NT-v2-50M/ and HyenaDNA_outputs/",
  },
  "targets": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    aliases: ["targets-path", "targets-csv"],
    shownDefault: "targets_377_overlap.csv (linear) or targets_377.csv of the data folder",
    help: "expression changes, a row a perturbation: CSV, TSV (also .gz) or Parquet",
  },
  "targets-id-col": {
    default: null,
    type: "text",
    value: "NAME",
    group: "Data",
    shownDefault: "gene_id, gene_name, the index or the first text column",
    help: "column of --targets that names the perturbations",
  },
  "gene-index": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "linear scripts without --targets: gene_index.txt of the data folder",
    help: "read-out genes that count, in this order, one id a line",
  },
  "tf-seq-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "tf_sequences.csv of the data folder, where there is one",
    help: "table with gene_name and gene_id: which symbol is which gene id",
  },
  "n-top-genes": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the N genes of largest mean absolute expression change",
  },
} as const satisfies FlagDeclarations;

/** Folds, seed, and what may be learned from which rows. */
export const crossValidationFlags = {
  "n-folds": { default: 5, min: 2, group: "Cross-validation", help: "number of folds" },
  "cv-splits-file": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Cross-validation",
    shownDefault: "cv_splits_<folds>fold_<seed>.pkl of the data folder, where there is one; else fresh folds",
    help: "folds to use, matched by id; where the file does not exist, fresh folds are saved there",
  },
  "group-by": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Cross-validation",
    help:
      "CSV or TSV of perturbations and their groups (column group, else the second), which folds keep together",
  },
  "group-folds": {
    default: "balanced",
    choices: groupFoldKinds,
    group: "Cross-validation",
    help:
      "how --group-by deals groups to folds: by size (GroupKFold), by --seed, or even in the file's column stratum",
  },
  "seed": {
    default: 42,
    min: 0,
    max: 0xffffffff,
    group: "Cross-validation",
    help: "seed of all random choices",
  },
  "strict": {
    default: false,
    group: "Cross-validation",
    help: "learn filling means, scaling, top genes and PCA from the fold's training rows only",
  },
} as const satisfies FlagDeclarations;

/** Runs in parts. */
export const partFlags = {
  "folds": {
    default: [],
    integer: true,
    min: 0,
    value: "N ...",
    group: "Cross-validation",
    shownDefault: "all",
    help: "run only these folds, counted from 0; the run that does the last missing one writes the result",
  },
  "resume": {
    default: false,
    group: "Cross-validation",
    help: "go on where a run with the same flags was stopped",
  },
  "merge": {
    default: false,
    group: "Cross-validation",
    help: "learn nothing: only put the parts together that lie in the result folder",
  },
} as const satisfies FlagDeclarations;

/** For models that train for long: how often a fold's state is saved. */
export const checkpointFlags = {
  "checkpoint-seconds": {
    default: 60,
    integer: false,
    min: 0,
    group: "Cross-validation",
    help: "save the state of training this often, for --resume",
  },
} as const satisfies FlagDeclarations;

/** What a run writes and shows. */
export const outputFlags = {
  "output-dir": {
    default: "results",
    value: "DIR",
    group: "Output",
    help: "results go to DIR/<model name>/",
  },
  "plot-format": { default: "png", choices: ["png", "svg"], group: "Output", help: "format of the plots" },
  ...plotLimitsFlags,
  "predictions-format": {
    default: "parquet",
    choices: ["parquet", "csv", "npy"],
    group: "Output",
    help: "write predictions in this format too; Parquet is always written",
  },
  "save-model": {
    default: false,
    group: "Output",
    help: "also save each fold's model, for scripts/predict.ts",
  },
  "bootstrap": {
    default: 200,
    min: 0,
    group: "Output",
    help: "resamples for the 95% intervals of the means over perturbations",
  },
  ...jsonFlags,
  "progress": { default: false, group: "Output", help: "show a progress bar over folds" },
} as const satisfies FlagDeclarations;

/**
 * The declarations of `experimentFlags`.
 *
 * @internal
 */
export type ExperimentFlagDeclarations =
  & typeof dataFlags
  & typeof crossValidationFlags
  & typeof partFlags
  & typeof outputFlags;

/** All that a cross-validated script takes whatever its model is. */
export const experimentFlags: ExperimentFlagDeclarations = {
  ...dataFlags,
  ...crossValidationFlags,
  ...partFlags,
  ...outputFlags,
};

/** Values of `experimentFlags`. */
export type ExperimentFlags = Flags<typeof experimentFlags>;
