/** Flags of scripts/predict.ts. */
import { deviceFlags } from "../backend/device_flags.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { readingFlags } from "../embedding/reading_flags.ts";
import { poolings } from "../embedding/readings.ts";

/** A model reads one vector a TF. */
const pooledChoices = poolings.filter((pooling) => pooling !== "none");

export const predictFlags = {
  "result": {
    default: null,
    type: "texts",
    value: "DIR ...",
    group: "Model",
    help:
      "result folder of a script that ran with --save-model (nt_v2_ia3_regression.ts always saves); of several, such as one " +
      "model with other seeds, all models predict, and their mean",
  },
  "fold": {
    default: [],
    integer: true,
    min: 0,
    value: "N ...",
    group: "Model",
    shownDefault: "the mean over all folds",
    help: "use the models of these folds, and their mean where there are several",
  },
  "model-code": {
    default: null,
    type: "text",
    value: "FILE.ts",
    group: "Model",
    help: "file that defines a model of your own, such as examples/knn.ts; its code runs",
  },
  "held-out": {
    default: false,
    group: "Model",
    help: "predict each id that the model knows by the fold that held it out",
  },
  "sequences": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Input",
    help: "promoter DNA of TFs: CSV or FASTA (embedding models need --model too)",
  },
  "embeddings": {
    default: null,
    type: "texts",
    value: "FILE.npy ...",
    group: "Input",
    help:
      "embeddings of TFs as inference.ts writes them, n x width; where training put several files side by side, those",
  },
  "ids": {
    default: null,
    type: "texts",
    value: "FILE ...",
    group: "Input",
    shownDefault: "beside --embeddings, as inference.ts names it",
    help:
      "ids of the rows (.npy or one a line), a file for each of --embeddings; for linear_pca the perturbed genes, also as A,B,C",
  },
  "tf-seq-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Input",
    help: "tf_sequences.csv: which symbol is which gene id, where training had other names",
  },
  "id-col": {
    default: "gene_id",
    value: "NAME",
    group: "Input",
    help: "column of ids in a CSV of sequences",
  },
  "sequence-col": { default: "sequence", value: "NAME", group: "Input", help: "column of DNA in it" },
  "upper": {
    default: false,
    group: "Input",
    shownDefault: "as in training",
    help: "make lower-case letters of sequences upper case",
  },
  "model": {
    default: null,
    type: "text",
    value: "MODEL",
    group: "Input",
    shownDefault: "for nt_ia3 the one that was fine-tuned",
    help: "pretrained model that reads the sequences: a folder, or its name on the Hugging Face hub",
  },
  "pooling-method": {
    default: "mean",
    choices: pooledChoices,
    group: "Input",
    shownDefault: "as in training, else mean",
    help: "how embeddings are made from sequences",
  },
  "layer": {
    default: null,
    type: "text",
    value: "N|last",
    group: "Input",
    shownDefault: "as in training, else last",
    help: "layer whose hidden states are taken",
  },
  "both-strands": {
    ...readingFlags["both-strands"],
    group: "Input",
    shownDefault: "as in training, else off",
  },
  "windows": { ...readingFlags.windows, group: "Input", shownDefault: "as in training, else none" },
  "max-length": {
    default: null,
    type: "integer",
    min: 3,
    group: "Input",
    shownDefault: "as in training, else 2048 for NT and 1000000 for HyenaDNA embeddings",
    help: "tokens of a sequence; what is longer is cut",
  },
  "force": {
    default: false,
    group: "Input",
    help: "go on where the embeddings or sequences were made in another way than those of the training set",
  },
  "batch-size": { default: 1, min: 1, group: "Input", help: "sequences at a time" },
  "output": {
    default: "predictions.parquet",
    value: "FILE",
    group: "Output",
    help: "where predictions go (.parquet, .csv or .npy); the mean baseline goes beside, as FILE_baseline",
  },
  "spread": {
    default: false,
    group: "Output",
    help: "also write the standard deviation of each prediction over the models, as FILE_spread",
  },
  ...deviceFlags,
} as const satisfies FlagDeclarations;

export type PredictFlags = Flags<typeof predictFlags>;
