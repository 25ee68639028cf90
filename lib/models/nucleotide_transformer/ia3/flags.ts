/** Flags of the fine-tuning with IA3, with the defaults of the Python script's trainer. */
import type { FlagDeclarations } from "../../../cli/flags.ts";

export const ia3Flags = {
  "learning-rate": { default: 1e-3, above: 0, group: "Training", help: "of Adam, constant" },
  "batch-size": { default: 4, min: 1, group: "Training", help: "sequences of one update" },
  "gradient-accumulation-steps": {
    default: 1,
    min: 1,
    group: "Training",
    help: "batches whose gradients make one update",
  },
  "eval-batch-size": { default: 1, min: 1, group: "Training", help: "sequences at a time in evaluation" },
  "num-epochs": { default: 20, min: 1, group: "Training", help: "passes over the training rows" },
  "max-steps": {
    default: null,
    type: "integer",
    min: 1,
    group: "Training",
    shownDefault: "as --num-epochs says",
    help: "end each fold after this many updates",
  },
  "max-grad-norm": {
    default: 1,
    above: 0,
    integer: false,
    group: "Training",
    help: "joint norm to which gradients are clipped",
  },
  "restore": {
    default: "best",
    choices: ["best", "last"],
    group: "Training",
    help: "weights that predict: of the epoch of highest mean Pearson, or the last",
  },
  "mixed-precision": {
    default: false,
    group: "Training",
    help: "compute in f16 with a dynamic loss scale, where the device can",
  },
  "checkpoint-activations": {
    default: "auto",
    choices: ["auto", "on", "off"],
    group: "Memory",
    help: "compute layers again in the backward pass instead of keeping their activations",
  },
  "micro-batch-size": {
    default: null,
    type: "integer",
    min: 1,
    group: "Memory",
    shownDefault: "what --memory-gb allows",
    help: "sequences that go through the model at once; an update adds the gradients of its parts",
  },
  "memory-gb": {
    default: null,
    type: "number",
    above: 0,
    group: "Memory",
    shownDefault: "8 on a GPU, 2.5 on the CPU",
    help: "device memory that a training step may take",
  },
  "evaluate-training": {
    default: false,
    group: "Output",
    help: "predict each fold's training rows too, for training metrics in summary.json",
  },
  "checkpoint-steps": {
    default: null,
    type: "integer",
    min: 1,
    group: "Cross-validation",
    shownDefault: "after every epoch, and as --checkpoint-seconds says",
    help: "save the state of training after every so many updates too",
  },
  "merge-to": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Output",
    help: "also write plain models with the vectors merged into the weights, for inference.ts",
  },
} as const satisfies FlagDeclarations;
