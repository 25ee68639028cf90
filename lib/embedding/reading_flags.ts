/** Flags that say how vectors are made of what a model gives, and what they ask for. */
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations, Flags } from "../cli/flags.ts";
import { poolings } from "./readings.ts";
import type { Strands } from "./strands.ts";
import type { Cut } from "./tokenized_input.ts";
import { parseWindows } from "./windows.ts";

export const readingFlags = {
  "layer": {
    default: ["last"],
    value: "N|last|all ...",
    group: "Embedding",
    help:
      "layers whose hidden states are taken, 0 for the embeddings; several make a file each, in one pass. The last is after " +
      "the model's final layer norm, the others before it",
  },
  "pooling-method": {
    default: ["mean"],
    choices: poolings,
    group: "Embedding",
    help: "over the tokens of a sequence; cls takes the first token, none keeps all (a .npy a sequence)",
  },
  "both-strands": {
    default: false,
    words: ["mean", "concat"],
    group: "Embedding",
    help:
      "the mean of a sequence's vector and that of its reverse complement; with the word concat one behind the other",
  },
  "windows": {
    default: null,
    type: "text",
    value: "SIZE:STEP",
    group: "Embedding",
    help:
      "cut longer sequences into windows of SIZE letters, STEP from one to the next, and average their vectors by tokens",
  },
  "keep-windows": {
    default: false,
    group: "Embedding",
    help: "with --windows: a row a window, named id:start-end",
  },
} as const satisfies FlagDeclarations;

type CutFlags = Pick<
  Flags<typeof readingFlags>,
  "poolingMethod" | "bothStrands" | "windows" | "keepWindows"
>;

/** @throws {UsageError} for flags that do not go together */
export function cutOf(flags: CutFlags): Cut {
  if (flags.windows === null && flags.keepWindows) {
    throw new UsageError("Cannot use --keep-windows alone: --windows SIZE:STEP says how sequences are cut");
  }
  const strands: Strands = flags.bothStrands === "concat" ? "concat" : flags.bothStrands ? "mean" : "given";
  const windows = flags.windows === null ? null : parseWindows(flags.windows, { kept: flags.keepWindows });
  if (flags.poolingMethod.includes("none")) {
    if (strands !== "given") {
      throw new UsageError(
        "Cannot use --pooling-method none with --both-strands: the tokens of two strands do not stand side by side",
      );
    }
    if (windows !== null && !windows.kept) {
      throw new UsageError(
        "Cannot use --pooling-method none with --windows alone: there is nothing to average (--keep-windows keeps each)",
      );
    }
  }
  return { strands, windows };
}
