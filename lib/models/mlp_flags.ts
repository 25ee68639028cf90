/** Flags of the networks and their training. */
import type { FlagDeclarations } from "../cli/flags.ts";

/** With the defaults of the MLPs from TF embeddings. */
export const mlpFlags = {
  "hidden-dims": {
    default: [1024, 512, 256],
    min: 1,
    value: "N ...",
    group: "Network",
    help: "widths of the hidden layers",
  },
  "learning-rate": { default: 1e-3, above: 0, group: "Training", help: "of AdamW, at the start" },
  "batch-size": { default: 512, min: 1, group: "Training", help: "perturbations a step" },
  "epochs": { default: 200, min: 1, group: "Training", help: "passes over the training rows, at most" },
  "weight-decay": { default: 1e-4, min: 0, group: "Training", help: "decoupled weight decay" },
  "patience": {
    default: 10,
    min: 0,
    group: "Training",
    help: "validation checks (every 5th epoch) without improvement before training stops",
  },
  "restore": {
    default: "best",
    choices: ["best", "last"],
    group: "Training",
    help: "weights that predict: of the best validation check, or the last (which the Python scripts kept)",
  },
  "mixed-precision": {
    default: false,
    group: "Training",
    help: "compute in f16 with a dynamic loss scale, where the device can",
  },
} as const satisfies FlagDeclarations;
