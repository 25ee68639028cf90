import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { embeddingJobs } from "../../lib/embedding/embedding_jobs.ts";
import { inferenceFlags } from "../../lib/embedding/inference_flags.ts";
import { modelRuns } from "../../lib/embedding/model_runs.ts";
import { ntSize } from "../../lib/embedding/nt_size.ts";
import { openModelSource } from "../../lib/models/model_source.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { nt50m, writeRandomNt } from "../support/random_models.ts";

const folder = Deno.makeTempDirSync({ prefix: "models" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A model of one narrow layer: nearest to 50m. */
function smallNt(...path: string[]): string {
  writeRandomNt(join(folder, ...path), { ...nt50m, width: 16, heads: 2, layers: 1, intermediate: 4 });
  return join(folder, ...path);
}

const runs = (...args: string[]) => {
  const flags = parseFlags(inferenceFlags, { script: "scripts/inference.ts", about: "" }, args);
  return modelRuns(embeddingJobs(flags), flags);
};

Deno.test("ntSize() takes the size from a model's own name, not from the folders that it lies in", async () => {
  const sizeOf = async (model: string) => await ntSize(await openModelSource(model));
  assertEquals(await sizeOf("InstaDeepAI/nucleotide-transformer-v2-250m-multi-species"), "250m");
  assertEquals(await sizeOf(smallNt("100m_project", "nt-v2-500m")), "500m");
  assertEquals(await sizeOf(smallNt("100m_project", "nt-v2-500m") + "/"), "500m");
  assertEquals(await sizeOf(smallNt("100m_project", "mine")), "50m", "by its size");
  const commit = "c".repeat(40), name = "models--InstaDeepAI--nucleotide-transformer-v2-250m-multi-species";
  assertEquals(await sizeOf(smallNt("100m_project", name, "snapshots", commit)), "250m");
});

Deno.test("an exported model's files are named after it, else after the --model that the user gave", async () => {
  const nt = smallNt("nt-v2-100m");
  const nameOf = async (onnx: string, ...args: string[]) =>
    (await runs("--tf-csv", "tfs.csv", "--onnx", onnx, ...args))[0].jobs[0].files.base.vectors;
  assertEquals(await nameOf("nt-250m.onnx", "--model", nt), "results/NTv2_250m_tf_embeddings.npy");
  assertEquals(await nameOf("exported-50m/model.onnx"), "results/NTv2_50m_tf_embeddings.npy");
  assertEquals(await nameOf("exported/model.onnx", "--model", nt), "results/NTv2_100m_tf_embeddings.npy");
  await assertRejects(
    () => nameOf("exported/model.onnx"),
    UsageError,
    `Cannot name the files of --onnx "exported/model.onnx": its name has no size`,
  );
});

Deno.test("modelRuns() takes --revision for one model of the hub, and warns where it is not used", async () => {
  const both = ["--tf-csv", "a.csv", "--tf-overlap-csv", "b.csv", "--revision", "v1"];
  await assertRejects(
    () => runs(...both),
    UsageError,
    "Cannot use --revision v1 for both models at once: choose one with --pipeline",
  );
  const nt = smallNt("nt-v2-100m");
  assertEquals(await linesPrinted(() => runs(...both, "--model", nt)), [
    `[warn] --revision v1 is not used for the folder "${nt}"`,
  ]);
  assertEquals(await linesPrinted(() => runs(...both, "--pipeline", "ntv2")), []);
});
