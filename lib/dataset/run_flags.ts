/** Flags that the cross-validated scripts share; a script spreads those that it takes into its own declarations. */
import type { FlagDeclarations } from "../cli/flags.ts";

/** Folds, seed and what may be learned from whom. */
export const crossValidationFlags = {
  "cv-splits-file": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Cross-validation",
    shownDefault: "in the result folder",
    help: "splits to use when they fit; otherwise fresh ones are saved there",
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

/** `--n-folds`, for scripts 3 to 6. */
export const foldCountFlags = {
  "n-folds": { default: 5, min: 2, group: "Cross-validation", help: "number of folds" },
} as const satisfies FlagDeclarations;

/** `--n-top-genes`. */
export const topGenesFlags = {
  "n-top-genes": {
    default: null,
    type: "integer",
    min: 1,
    group: "Data",
    shownDefault: "all",
    help: "keep the N genes of largest mean absolute expression change",
  },
} as const satisfies FlagDeclarations;

/** What a run writes and shows. */
export const outputFlags = {
  "plot-format": {
    default: "png",
    choices: ["png", "svg"],
    group: "Output",
    help: "format of the plots",
  },
  "save-model": {
    default: false,
    group: "Output",
    help: "also save each fold's model, for scripts/predict.ts",
  },
  "progress": { default: false, group: "Output", help: "show a progress bar over folds" },
} as const satisfies FlagDeclarations;

/** `--output-dir` with the default of scripts 3 to 8. */
export const outputDirFlags = {
  "output-dir": {
    default: "results",
    value: "DIR",
    group: "Output",
    help: "results go to DIR/<model name>/",
  },
} as const satisfies FlagDeclarations;
