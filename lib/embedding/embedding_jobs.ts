/** What the flags of scripts/inference.ts ask for: which sequences go through which model into which files. */
import { basename, dirname, join } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { exists } from "../io/hub_cache.ts";
import type { Pipeline } from "./embedder.ts";
import type { InferenceFlags } from "./inference_flags.ts";
import { type EmbeddingFiles, type EmbeddingPaths, pathsIn } from "./outputs.ts";
import { fileWord, labelOf, type Reading } from "./readings.ts";

/** Sequences of one file through one model. */
export interface EmbeddingJob {
  readonly pipeline: Pipeline;
  readonly input: string;
  /** The files; `ntSize` is how the whole job's files name an NT ("50m"). */
  readonly files: (readings: readonly Reading[], ntSize: string) => EmbeddingFiles;
}

/** @throws {UsageError} when the flags ask for nothing, or for two things at once */
export function embeddingJobs(flags: InferenceFlags): EmbeddingJob[] {
  const { pipeline, input, output, geneCsv, tfCsv, tfOverlapCsv } = flags;
  const whole = [["gene-csv", geneCsv], ["tf-csv", tfCsv], ["tf-overlap-csv", tfOverlapCsv]] as const;
  const wholeGiven = whole.filter(([, path]) => path !== null).map(([flag]) => `--${flag}`);
  if (pipeline === "other" && flags.onnx === null) {
    throw new UsageError("Flag --onnx is needed with --pipeline other: the exported model");
  }
  if (input !== null || output !== null) {
    if (wholeGiven.length > 0) {
      throw new UsageError(
        `Cannot use ${wholeGiven[0]} together with --input and --output: they are two ways to run`,
      );
    }
    return [oneFileJob(flags)];
  }
  const jobs = wholeJobs(flags);
  const chosen = jobs.filter((job) => pipeline === null || job.pipeline === pipeline);
  if (chosen.length === 0) {
    throw new UsageError(
      jobs.length > 0
        ? `Cannot run --pipeline ${pipeline} on ${wholeGiven.join(" and ")}: ${
          pipeline === "ntv2"
            ? "NT reads --gene-csv and --tf-csv"
            : pipeline === "hyenadna"
            ? "HyenaDNA reads --tf-overlap-csv"
            : "it takes --input and --output"
        }`
        : "Nothing to embed: give --pipeline, --input and --output, or any of --gene-csv, --tf-csv and --tf-overlap-csv (see --help)",
    );
  }
  if (flags.onnx !== null && new Set(chosen.map((job) => job.pipeline)).size > 1) {
    throw new UsageError("Cannot use --onnx for both models at once: choose one with --pipeline");
  }
  return chosen;
}

function oneFileJob(flags: InferenceFlags): EmbeddingJob {
  const { pipeline, input, output } = flags;
  if (pipeline === null) throw new UsageError("Flag --pipeline is needed with --input: ntv2 or hyenadna");
  if (input === null || output === null) {
    throw new UsageError(`Flag --${input === null ? "input" : "output"} is needed too`);
  }
  if (!output.endsWith(".npy")) {
    throw new UsageError(`Cannot use --output "${output}": it must end in .npy`);
  }
  const stem = basename(output, ".npy");
  const index = pipeline === "hyenadna" ? `${stem}_gene_index.txt` : null;
  const pathsOf = (label: string) => {
    const name = [stem, label].filter((part) => part !== "").join("_");
    return withIndex(pathsIn(dirname(output), name, `${name}_gene_ids`, index), flags);
  };
  return {
    pipeline,
    input,
    files: (readings) => filesOf(readings, (reading) => pathsOf(labelOf(reading)), pathsOf("")),
  };
}

/** The files that the other scripts read, under the names that they know. */
function wholeJobs(flags: InferenceFlags): EmbeddingJob[] {
  const { geneCsv, tfCsv, tfOverlapCsv, outputDir } = flags, jobs: EmbeddingJob[] = [];
  for (const [of, path] of [["gene", geneCsv], ["tf", tfCsv]] as const) {
    if (path === null) continue;
    const pathsOf = (size: string, label: string) => {
      // A reading among several is a size of its own to the scripts: --ntv2-size 50m_layer4.
      const name = `NTv2_${[size, label].filter((part) => part !== "").join("_")}_${of}`;
      return pathsIn(outputDir, `${name}_embeddings`, `${name}_ids`, null);
    };
    jobs.push({
      pipeline: "ntv2",
      input: path,
      files: (readings, size) =>
        filesOf(readings, (reading) => pathsOf(size, labelOf(reading)), pathsOf(size, "")),
    });
  }
  if (tfOverlapCsv !== null) {
    const pathsOf = (layer: string, pooling: string) => {
      const name = ["hyenadna_tf_embeddings", layer, pooling].filter((part) => part !== "").join("_");
      return withIndex(pathsIn(outputDir, name, `${name}_gene_ids`, "hyenadna_tf_gene_index.txt"), flags);
    };
    jobs.push({
      pipeline: "hyenadna",
      input: tfOverlapCsv,
      files: (readings) =>
        filesOf(
          readings,
          ({ layerLabel, pooling }) => pathsOf(layerLabel, fileWord(pooling)),
          pathsOf("", readings.length === 1 ? fileWord(readings[0].pooling) : ""),
        ),
    });
  }
  return jobs;
}

function filesOf(
  readings: readonly Reading[],
  pathsOf: (reading: Reading) => EmbeddingPaths,
  base: EmbeddingPaths,
): EmbeddingFiles {
  return { base, outputs: readings.map((reading) => ({ reading, paths: pathsOf(reading) })) };
}

function withIndex(paths: EmbeddingPaths, { geneIndexOutput }: InferenceFlags): EmbeddingPaths {
  return paths.index === null ? paths : { ...paths, index: geneIndexOutput ?? paths.index };
}

const defaultNt = "InstaDeepAI/nucleotide-transformer-v2-500m-multi-species";

/** The model that the flags name for a pipeline: a folder or a hub id. @throws {UsageError} when --hyena-repo-dir lacks it */
export function modelName(pipeline: Pipeline, flags: InferenceFlags): string {
  if (pipeline === "ntv2") return flags.model ?? defaultNt;
  if (pipeline === "other") return flags.model ?? dirname(flags.onnx!);
  const name = (flags.pipeline === "hyenadna" ? flags.model : null) ?? flags.hyenaModelName;
  const folder = flags.hyenaRepoDir;
  if (folder === null) return name;
  const places = [join(folder, basename(name)), join(folder, "checkpoints", basename(name)), folder];
  const found = places.find((place) => exists(join(place, "config.json")));
  if (found === undefined) {
    throw new UsageError(
      `Cannot use --hyena-repo-dir "${folder}": it has no "${
        basename(name)
      }/config.json", nor one under "checkpoints"`,
    );
  }
  return found;
}
