/** Flags of scripts/inference.ts; what they ask for is in embedding_jobs.ts. */
import { deviceFlags } from "../backend/device_flags.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { readingFlags } from "./reading_flags.ts";
import { regionFlags } from "./region_flags.ts";
import { tokenizerFlags } from "./tokenizer_choice.ts";

export const inferenceFlags = {
  "pipeline": {
    default: null,
    type: "text",
    choices: ["ntv2", "hyenadna", "other"],
    group: "Models",
    help: "the model's kind; other for an --onnx of any other model",
  },
  "model": {
    default: null,
    type: "text",
    value: "ID_OR_FOLDER",
    group: "Models",
    shownDefault: "InstaDeepAI/nucleotide-transformer-v2-500m-multi-species; for hyenadna --hyena-model-name",
    help: "model on the Hugging Face hub, or a folder with its files",
  },
  "input": { default: null, type: "text", value: "FILE", group: "One file", help: "sequences, CSV or FASTA" },
  "output": {
    default: null,
    type: "text",
    value: "FILE.npy",
    group: "One file",
    help: "where the vectors go",
  },
  ...regionFlags,
  "gene-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Whole job",
    help: "gene sequences for NT",
  },
  "tf-csv": { default: null, type: "text", value: "FILE", group: "Whole job", help: "TF sequences for NT" },
  "tf-overlap-csv": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Whole job",
    help: "TF sequences for HyenaDNA",
  },
  "output-dir": { default: "results", value: "DIR", group: "Whole job", help: "where the files go" },
  "gene-index-output": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Whole job",
    shownDefault: "hyenadna_tf_gene_index.txt beside the vectors",
    help: "ids of HyenaDNA's rows, one a line",
  },
  "sequence-col": { default: "sequence", value: "NAME", group: "Sequences", help: "column of a CSV file" },
  "id-col": { default: "gene_id", value: "NAME", group: "Sequences", help: "column of a CSV file" },
  "upper": { default: false, group: "Sequences", help: "make lower-case letters upper case" },
  ...readingFlags,
  "max-seq-length": {
    default: 2048,
    min: 2,
    group: "Embedding",
    help:
      "tokens of a sequence of NT or an other model; longer ones are cut (--windows cuts them into pieces)",
  },
  "hyena-max-length": {
    default: 1_000_000,
    min: 3,
    group: "Embedding",
    help: "tokens of a HyenaDNA sequence, two of them special; longer ones are cut",
  },
  "batch-size": { default: 8, min: 1, group: "Embedding", help: "NT sequences at a time, at most" },
  "hyena-batch-size": {
    default: 1,
    min: 1,
    group: "Embedding",
    help: "HyenaDNA sequences at a time, at most; only ones of equal length go together",
  },
  "dtype": {
    default: "f32",
    choices: ["f32", "f16", "bf16"],
    group: "Embedding",
    help:
      "f16 computes in half precision where the device can; bf16 rounds the weights to bfloat16; sums are f32 in all",
  },
  "hyena-model-name": {
    default: "LongSafari/hyenadna-large-1m-seqlen",
    value: "ID_OR_FOLDER",
    group: "Models",
    help: "the HyenaDNA",
  },
  "hyena-repo-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Models",
    help: "a checkout or folder of checkpoints to take the HyenaDNA from",
  },
  "revision": {
    default: null,
    type: "text",
    group: "Models",
    shownDefault: "main",
    help: "branch, tag or commit on the hub",
  },
  "onnx": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Models",
    help: "run this exported model instead",
  },
  ...tokenizerFlags,
  "resume": { default: false, group: "Long runs", help: "go on where a killed run stopped" },
  "shard": {
    default: null,
    type: "text",
    value: "i/n",
    group: "Long runs",
    help: "only every n-th sequence, from the i-th on",
  },
  "merge": { default: false, group: "Long runs", help: "put finished shards together" },
  "memory-limit": {
    default: null,
    type: "text",
    value: "SIZE",
    group: "Device",
    shownDefault: "what the device has",
    help: "most memory for weights and activations, such as 2GB",
  },
  "progress": { default: true, group: "Long runs", help: "show a bar on a terminal" },
  ...deviceFlags,
} as const satisfies FlagDeclarations;

export type InferenceFlags = Flags<typeof inferenceFlags>;
