import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { embeddingJobs, modelName } from "../../lib/embedding/embedding_jobs.ts";
import { inferenceFlags } from "../../lib/embedding/inference_flags.ts";

const flagsOf = (...args: string[]) =>
  parseFlags(inferenceFlags, { script: "scripts/inference.ts", about: "" }, args);

Deno.test("embeddingJobs() refuses command lines that ask for nothing or for two things", () => {
  const refuses = (message: string, ...args: string[]) =>
    assertThrows(() => embeddingJobs(flagsOf(...args)), UsageError, message);
  refuses("Nothing to embed");
  refuses("Flag --pipeline is needed with --input", "--input", "a.csv", "--output", "a.npy");
  refuses("Flag --output is needed too", "--pipeline", "ntv2", "--input", "a.csv");
  refuses("Flag --input is needed too", "--pipeline", "ntv2", "--output", "a.npy");
  refuses("it must end in .npy", "--pipeline", "ntv2", "--input", "a.csv", "--output", "a.csv");
  refuses(
    "Cannot use --tf-csv together with --input",
    "--pipeline",
    "ntv2",
    "--input",
    "a",
    "--output",
    "a.npy",
    "--tf-csv",
    "b",
  );
  refuses("Cannot run --pipeline hyenadna on --tf-csv", "--pipeline", "hyenadna", "--tf-csv", "b");
  refuses("Cannot use --onnx for both models", "--tf-csv", "a", "--tf-overlap-csv", "b", "--onnx", "c");
});

Deno.test("modelName() is the folder or hub id that the flags name", () => {
  assertEquals(modelName("ntv2", flagsOf()), "InstaDeepAI/nucleotide-transformer-v2-500m-multi-species");
  assertEquals(modelName("hyenadna", flagsOf()), "LongSafari/hyenadna-large-1m-seqlen");
  assertEquals(modelName("hyenadna", flagsOf("--hyena-model-name", "a/b")), "a/b");
  assertThrows(
    () => modelName("hyenadna", flagsOf("--hyena-repo-dir", "nowhere")),
    UsageError,
    `Cannot use --hyena-repo-dir "nowhere"`,
  );
});
