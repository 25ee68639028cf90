#!/usr/bin/env -S deno run -P
/**
 * DNA sequences to embeddings, with Nucleotide Transformer v2 or HyenaDNA.
 *
 *   deno run -P=hub scripts/inference.ts --pipeline ntv2 --model InstaDeepAI/nucleotide-transformer-v2-50m-multi-species \
 *     --input tf_sequences.csv --output tf.npy                       (one file; -P=hub lets it download the model)
 *   deno run -P scripts/inference.ts --pipeline hyenadna --model my-models/hyenadna-large-1m-seqlen \
 *     --input promoters.fasta --output promoters.npy                 (a model in a folder)
 *   deno run -P scripts/inference.ts --pipeline ntv2 --model my-models/nt-v2-50m --input long.fasta --output long.npy \
 *     --layer 6 last --both-strands --windows 6000:3000              (docs/embeddings.md)
 *   deno run -P scripts/inference.ts --pipeline ntv2 --model my-models/nt-v2-50m --genome genome.fa --regions genes.gtf.gz \
 *     --window 12000 --output genes.npy                              (regions of a genome, no table in between)
 *   deno run -P=hub scripts/inference.ts --gene-csv genes.csv --tf-csv tfs.csv --tf-overlap-csv overlap.csv \
 *     --output-dir embeddings                                        (the files that the other scripts read)
 */
import { printProfile } from "../lib/backend/device_flags.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { log } from "../lib/cli/log.ts";
import { runScript } from "../lib/cli/script.ts";
import { embedSequences } from "../lib/embedding/embed_sequences.ts";
import { embeddingJobs } from "../lib/embedding/embedding_jobs.ts";
import { inferenceFlags } from "../lib/embedding/inference_flags.ts";
import { mergeShards } from "../lib/embedding/merge_shards.ts";
import { checkModel, checkModelWindows, modelRuns } from "../lib/embedding/model_runs.ts";
import { openEmbedder } from "../lib/embedding/open_embedder.ts";
import { checkOutputs, type EmbeddingFiles, parseShard, shardOutputs } from "../lib/embedding/outputs.ts";
import { EmbeddingProgress } from "../lib/embedding/progress.ts";
import { cutOf } from "../lib/embedding/reading_flags.ts";
import { regionsAsInput } from "../lib/embedding/region_flags.ts";
import { readRegionSequences } from "../lib/embedding/region_sequences.ts";
import { shownPath } from "../lib/embedding/run_record.ts";
import { readSequences, type Sequences } from "../lib/embedding/sequences.ts";
import { checkExported, checkTokenizerFlags, onnxTokenizer } from "../lib/embedding/tokenizer_choice.ts";

export async function main(args: string[]): Promise<void> {
  const flags = regionsAsInput(parseFlags(inferenceFlags, {
    script: "scripts/inference.ts",
    about:
      "DNA sequences to embeddings, with Nucleotide Transformer v2 or HyenaDNA. Use -P=hub to download a model.",
    examples: [
      "--pipeline ntv2 --model FOLDER --input tf_sequences.csv --output tf.npy",
      "--tf-overlap-csv overlap.csv --hyena-repo-dir checkpoints --output-dir embeddings",
    ],
  }, args));
  const jobs = embeddingJobs(flags);
  const shard = flags.shard === null ? null : parseShard(flags.shard);
  const cut = cutOf(flags);
  checkTokenizerFlags(flags);
  if (flags.onnx !== null) await checkExported(flags.onnx);
  for (const { pipeline } of jobs) {
    if (cut.windows !== null && pipeline !== "other" && flags.onnx === null) {
      checkModelWindows(pipeline, cut.windows, flags);
    }
  }
  const runs = await modelRuns(jobs, flags);

  if (flags.merge) {
    for (const output of runs.flatMap((run) => run.jobs).flatMap(({ files }) => files.outputs)) {
      const { rows, shards } = await mergeShards(output);
      log.info(`Merged ${shards} shards into ${rows} rows of "${shownPath(output)}"`);
    }
    return;
  }
  if (flags.poolingMethod.includes("cls") && jobs.some((job) => job.pipeline === "hyenadna")) {
    log.warn(
      "HyenaDNA looks back only: its first token has seen nothing of the sequence (--pooling-method mean has)",
    );
  }

  // A wrong input, folder or model is told before the first model is downloaded, loaded or run.
  const columns = { idColumn: flags.idCol, sequenceColumn: flags.sequenceCol, upper: flags.upper };
  const inputs = new Map<EmbeddingFiles, Sequences>();
  for (const { input, files } of runs.flatMap((run) => run.jobs)) {
    const isTable = flags.regions === null;
    inputs.set(files, isTable ? await readSequences(input, columns) : await readRegionSequences(flags));
    for (const output of shardOutputs(files.outputs, shard)) await checkOutputs(output);
  }
  for (const run of runs) {
    if (flags.onnx === null) await checkModel(run);
    else await onnxTokenizer(run.pipeline, run.source, flags.onnx, flags);
  }

  for (const run of runs) {
    const { pipeline, jobs } = run, isHyena = pipeline === "hyenadna";
    const progress = new EmbeddingProgress(
      { ntv2: "NT", hyenadna: "HyenaDNA", other: "ONNX" }[pipeline],
      flags.progress,
    );
    const { embedder, backend, close } = await openEmbedder(run, flags, (share) => progress.within(share));
    try {
      for (const { files } of jobs) {
        await embedSequences(embedder, inputs.get(files)!, files, {
          ...cut,
          batchSize: isHyena ? flags.hyenaBatchSize : flags.batchSize,
          maxTokens: isHyena ? flags.hyenaMaxLength : flags.maxSeqLength,
          resume: flags.resume,
          shard,
          progress,
        });
      }
      if (backend) await printProfile({ backend, reason: "" });
    } finally {
      await close();
    }
  }
}

if (import.meta.main) await runScript(main, import.meta);
