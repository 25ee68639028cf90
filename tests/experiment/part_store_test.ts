import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import type { PartKey } from "../../lib/experiment/part.ts";
import { PartStore, type PartStoreOptions } from "../../lib/experiment/part_store.ts";
import { writeManifest } from "../../lib/experiment/manifest.ts";
import { writeCheckpoint } from "../../lib/nn/mod.ts";
import { captured, linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const identity = { "--seed": 42 };

const open = (folder: string, options: Partial<PartStoreOptions> = {}) =>
  PartStore.open(folder, {
    count: 5,
    genes: 2,
    folds: [],
    range: null,
    resume: false,
    merge: false,
    checkpointSeconds: 60,
    engine: "cpu",
    identity,
    isQuick: false,
    ...options,
  });

/** What training leaves when it is stopped. */
const begin = (store: PartStore, fold: number) => {
  const { path, devices, identity } = store.checkpoint(fold);
  return writeCheckpoint(path, { identity, devices, nextEpoch: 7 }, new Map());
};

const part = (key: PartKey) => ({
  key,
  predictions: new Float32Array(key.to - key.from).fill(key.fold),
  trainingPredictions: null,
  tensors: new Map(),
  report: { fold: key.fold },
  seconds: 1,
});

const saveFold = (store: PartStore, fold: number) => store.save(part({ fold, from: 0, to: 2 }));
const saveAll = async (store: PartStore) => {
  for (const fold of store.toRun) await saveFold(store, fold);
};

Deno.test("PartStore leaves the checkpoints of folds that a run does not do", () =>
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
      const folds = [];
      for (let fold = 0; fold < 5; fold++) {
        for await (const { report } of store.read(fold)) folds.push(report.fold);
      }
      assertEquals(folds, [0, 1, 2, 3, 4]);
    }
    await Promise.all([one.remove(), other.remove()]);
    assertEquals(await names(folder), []);
  }));

Deno.test("PartStore cuts a fold into blocks of genes, and merges those of several runs", () =>
  inFolder(async (folder) => {
    const blocks = { genes: 5, blockSize: 2, count: 1 };
    const one = await open(folder, { ...blocks, range: { from: 0, to: 3 } });
    assertEquals(one.missing(0), [{ from: 0, to: 2 }, { from: 2, to: 3 }]);
    for (const range of one.missing(0)) await one.save(part({ fold: 0, ...range }));
    assertEquals(one.toRun, []);
    assert((await linesPrinted(() => one.isComplete())).some((line) => /still miss genes/.test(line)));
    const other = await open(folder, { ...blocks, range: { from: 3, to: 5 } });
    await other.save(part({ fold: 0, from: 3, to: 5 }));
    assert(await other.isComplete());
    assertEquals(await Array.fromAsync(other.read(0), ({ key }) => key.from), [0, 2, 3]);
    await other.save(part({ fold: 0, from: 1, to: 4 }));
    await assertRejects(() => Array.fromAsync(other.read(0)), DataError, "share genes (delete one of them)");
  }));

Deno.test("PartStore tells a part whose folds another run has already put together", () =>
  inFolder(async (folder) => {
    const [one, other] = [await open(folder, { folds: [0] }), await open(folder, { folds: [1, 2, 3, 4] })];
    const facts = { run_id: one.runId, data_id: "d", script: "s", flags: {}, engines: [], inputs: [] };
    await writeManifest(folder, facts);
    await one.remove();
    const { result, lines } = await captured(() => other.isComplete());
    assertEquals([result, lines], [false, ["[info] Another run has put the parts together."]]);
    // The same result from before a run began says nothing of its parts.
    const later = await open(folder, { folds: [0] });
    assert((await linesPrinted(() => later.isComplete())).some((line) => line.includes("Still to be run")));
    assertEquals((await captured(() => open(folder, { resume: true }))).result.isFinished, true);
    await Deno.remove(join(folder, "manifest.json"));
    assertEquals((await captured(() => open(folder, { resume: true }))).result.isFinished, false);
  }));

Deno.test("PartStore knows every engine that had a share in a result, within a fold too", () =>
  inFolder(async (folder) => {
    const first = await open(folder, { folds: [0, 1, 2, 3] });
    await saveAll(first);
    assertEquals(await captured(() => first.engines()), { result: ["cpu"], lines: [] });
    const blas = "cpu with libopenblasp-r0.3.21.so, 2 threads";
    await begin(await open(folder, { folds: [4], engine: blas }), 4);
    const { result: last } = await captured(() => open(folder, { resume: true }));
    await saveFold(last, 4);
    const { result, lines } = await captured(() => last.engines());
    assertEquals(result, ["cpu", blas]);
    assert(lines[0].startsWith(`[warn] Folds were computed on cpu and ${blas}:`), lines.join("\n"));
  }));

Deno.test("PartStore takes in no part of another run, wherever it was copied from", () =>
  inFolder(async (folder) => {
    await saveAll(await open(folder, { folds: [0] }));
    for (const options of [{ resume: true }, { folds: [1] }]) {
      await assertRejects(
        () => open(folder, { ...options, identity: { "--seed": 7 } }),
        DataError,
        "--seed was 42, now it is 7 (repeat that run's flags, or delete",
      );
    }
    await assertRejects(
      () => open(folder, { resume: true, identity: { ...identity, targets: "others" } }),
      DataError,
      "the targets were others",
    );
  }));

Deno.test("PartStore sets the parts of another run aside, and gives them back to that run", () =>
  inFolder(async (folder) => {
    await saveAll(await open(folder, { folds: [0, 1] }));
    const { lines } = await captured(() => open(folder, { identity: { "--seed": 7 } }));
    assert(
      lines[0].startsWith("[warn] Another run (--seed was 42, now it is 7) has left 2 unfinished parts"),
      lines[0],
    );
    assertEquals(await names(folder), []);
    const { result } = await captured(() => open(folder, { resume: true }));
    assertEquals(result.toRun, [2, 3, 4]);
  }));

Deno.test("PartStore says how many parts of its own it deletes when it starts anew", () =>
  inFolder(async (folder) => {
    await saveAll(await open(folder, { folds: [0, 1] }));
    const { lines } = await captured(() => open(folder));
    assert(lines[0].startsWith("[warn] Deleted 2 parts of an earlier run in"), lines.join("\n"));
    assertEquals((await captured(() => open(folder))).lines, []);
  }));

Deno.test("PartStore refuses a part in which a bit has changed, and one without a checksum", () =>
  inFolder(async (folder) => {
    await saveAll(await open(folder, { folds: [0] }));
    const path = join(folder, "unfinished", "fold_0.safetensors");
    const bytes = await Deno.readFile(path);
    for (const at of [bytes.length - 1, 200]) {
      const changed = bytes.slice();
      changed[at] ^= 1;
      await Deno.writeFile(path, changed);
      await assertRejects(() => open(folder, { resume: true }), DataError, "checksum");
    }
    await Deno.writeFile(path, new Uint8Array(300));
    await assertRejects(() => open(folder, { resume: true }), DataError, "it carries no checksum");
  }));

Deno.test("PartStore refuses a fold that does not exist", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () => open(folder, { folds: [5] }),
      UsageError,
      "there are 5 folds, counted from 0 to 4",
    );
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

Deno.test("--merge names what is missing, learns nothing, and has nothing to do where the result stands", () =>
  inFolder(async (folder) => {
    const nothing = await assertRejects(() => open(folder, { merge: true }), DataError);
    assertMatch(nothing.message, /there is nothing of fold 0, fold 1, fold 2, fold 3, fold 4 \(run these/);
    const parts = await open(folder, { folds: [0, 1, 3, 4], blockSize: 1 });
    for (const fold of parts.toRun) await saveFold(parts, fold);
    await parts.save(part({ fold: 2, from: 0, to: 1 }));
    await begin(parts, 2);
    const left = await names(folder);
    const gap = await assertRejects(() => open(folder, { merge: true, blockSize: 1 }), DataError);
    assertMatch(gap.message, /there is nothing of fold 2 \(genes from 1 to 2\) \(run these/);
    assertEquals(await names(folder), left);

    await parts.save(part({ fold: 2, from: 1, to: 2 }));
    const store = await open(folder, { merge: true, blockSize: 1 });
    assertEquals([store.toRun, store.isFinished, await store.isComplete()], [[], false, true]);
    await store.remove();
    await writeManifest(folder, {
      run_id: store.runId,
      data_id: "",
      script: "",
      flags: {},
      engines: [],
      inputs: [],
    });
    assert((await open(folder, { merge: true })).isFinished);
    for (const asked of [{ folds: [1] }, { range: { from: 0, to: 1 } }]) {
      await assertRejects(
        () => open(folder, { merge: true, ...asked }),
        UsageError,
        "Cannot use --merge with",
      );
    }
  }));
