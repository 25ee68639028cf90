import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FoldStore, type FoldStoreOptions } from "../../lib/models/fold_store.ts";
import { writeCheckpoint } from "../../lib/nn/mod.ts";
import { captured, linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const identity = { "--seed": 42 };

const open = (folder: string, options: Partial<FoldStoreOptions> = {}) =>
  FoldStore.open(folder, {
    count: 5,
    folds: [],
    resume: false,
    checkpointSeconds: 60,
    device: "cpu",
    identity,
    ...options,
  });

/** What training leaves when it is stopped. */
const begin = (store: FoldStore, fold: number) => {
  const { path, devices } = store.checkpoint(fold);
  return writeCheckpoint(path, { identity, devices, nextEpoch: 7 }, new Map());
};

const saveAll = async (store: FoldStore) => {
  for (const fold of store.toRun) await store.save(fold, { fold }, new Map());
};

Deno.test("FoldStore leaves the checkpoints of folds that a run does not do", () =>
  inFolder(async (folder) => {
    const other = await open(folder, { folds: [1, 3] });
    await begin(other, 1);
    await begin(other, 3);
    await open(folder, { folds: [0, 3] });
    assertEquals(await names(folder), ["fold_1_checkpoint.safetensors"]);
    const { result, lines } = await captured(() => open(folder, { folds: [1, 2], resume: true }));
    assert(lines.some((line) => line.includes("Going on: fold 1 from epoch 7.")), lines.join("\n"));
    assertEquals(result.checkpoint(1).resume!.values.nextEpoch, 7);
    const elsewhere = await linesPrinted(() => open(folder, { folds: [2], resume: true }));
    assert(!elsewhere.some((line) => line.includes("fold 1 from")), elsewhere.join("\n"));
    await open(folder);
    assertEquals(await names(folder), []);
  }));

Deno.test("Parts that run at the same time see each other's folds in the end, and both may take them away", () =>
  inFolder(async (folder) => {
    const [one, other] = [await open(folder, { folds: [0, 2] }), await open(folder, { folds: [1, 3, 4] })];
    await saveAll(one);
    const { result, lines } = await captured(() => one.isComplete());
    assertEquals([result, lines], [false, [
      "[info] Still to be run into this output folder: --folds 1 3 4.",
    ]]);
    await saveAll(other);
    assertEquals((await captured(() => other.isComplete())).lines, []);
    assert(await one.isComplete());
    for (const store of [one, other]) {
      assertEquals([0, 1, 2, 3, 4].map((fold) => store.read(fold).values.fold), [0, 1, 2, 3, 4]);
    }
    await Promise.all([one.remove(), other.remove()]);
    assertEquals(await names(folder), []);
  }));

Deno.test("FoldStore tells a part whose folds another run has already put together", () =>
  inFolder(async (folder) => {
    const [one, other] = [await open(folder, { folds: [0] }), await open(folder, { folds: [1, 2, 3, 4] })];
    await Deno.writeTextFile(join(folder, "summary.json"), JSON.stringify({ run_id: one.runId }));
    await one.remove();
    const { result, lines } = await captured(() => other.isComplete());
    assertEquals([result, lines], [false, ["[info] Another run has put the parts together."]]);
    // The same summary from before a run began says nothing of its parts.
    const later = await open(folder, { folds: [0] });
    assert((await linesPrinted(() => later.isComplete())).some((line) => line.includes("Still to be run")));
  }));

Deno.test("FoldStore knows every kind of device that had a part in a result, within a fold too", () =>
  inFolder(async (folder) => {
    const first = await open(folder, { folds: [0, 1, 2, 3] });
    await saveAll(first);
    assertEquals(await captured(() => first.tellDevices()), { result: "cpu", lines: [] });
    await begin(await open(folder, { folds: [4], device: "webgpu" }), 4);
    const { result: last } = await captured(() => open(folder, { resume: true }));
    await last.save(4, {}, new Map());
    const { result, lines } = await captured(() => last.tellDevices());
    assertEquals(result, "cpu, webgpu");
    assert(lines[0].startsWith("[warn] Folds were computed on cpu and webgpu:"), lines.join("\n"));
  }));

/** Files in "unfinished". */
async function names(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(join(folder, "unfinished")))).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
