import type { FlagDeclarations } from "../cli/flags.ts";
import { jsonFlags } from "../cli/log.ts";
import { dataFlags } from "../experiment/flags.ts";

export const compareFlags = {
  "results": {
    default: null,
    type: "texts",
    value: "DIR ...",
    group: "Models",
    help: "result folders, or folders with result folders in them",
  },
  "predictions": {
    default: null,
    type: "texts",
    value: "NAME=FILE ...",
    group: "Models",
    help:
      "predictions of other tools: Parquet, CSV, TSV, h5ad, or .npy with <stem>_ids and <stem>_genes (.npy or .txt) beside it",
  },
  "targets": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "the file that the results were made from, where it is unchanged",
    help: "measured expression changes, a row a perturbation",
  },
  "targets-id-col": dataFlags["targets-id-col"],
  "tf-seq-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "the one that the results were made with, where it is there",
    help: "table with gene_name and gene_id: which symbol is which gene id",
  },
  "gene-names": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "gene_expression.csv beside the targets, where there is one",
    help:
      "table with gene_id, gene_name and mean: what the report calls genes, and how much they are expressed",
  },
  "top-expressed": {
    default: null,
    type: "integer",
    min: 1,
    value: "N",
    group: "Data",
    shownDefault: "all",
    help:
      "judge by the N genes of highest mean expression, as the 2025 Nature Methods comparison did with 1000",
  },
  "de-genes": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "de_genes.parquet beside the targets, where there is one",
    help: "adjusted p of each gene, in the layout of the targets: adds how well significant genes are found",
  },
  "fdr": {
    default: 0.05,
    above: 0,
    below: 1,
    integer: false,
    group: "Data",
    help: "genes of --de-genes with an adjusted p below this are significant",
  },
  "halves": {
    default: null,
    type: "texts",
    value: "FILE FILE",
    group: "Data",
    shownDefault:
      "targets_half_a.parquet and targets_half_b.parquet beside the targets, where they are there",
    help: "targets from two halves of each TF's guides or cells: what a perfect model could reach",
  },
  "group-by": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    help: "table of perturbations and a column group: means are also given for each group",
  },
  "cv-splits-file": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "the folds of the results",
    help: "folds, where there are only --predictions",
  },
  "allow-other-folds": {
    default: false,
    group: "Data",
    help:
      "go on where results come from different folds; the first result's are used, and pairs are no longer paired",
  },
  "resamples": {
    default: 2000,
    min: 0,
    max: 100000,
    group: "Statistics",
    help: "resamples of the bootstrap",
  },
  "seed": { default: 42, min: 0, max: 0xffffffff, group: "Statistics", help: "seed of the bootstrap" },
  "output": {
    default: "report",
    value: "DIR",
    group: "Output",
    help: "folder for tables, figures and the page",
  },
  ...jsonFlags,
} as const satisfies FlagDeclarations;
