import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import type { SafetensorsArray } from "../../lib/io/safetensors.ts";
import {
  openSavedModel,
  readSavedFold,
  type TrainedFold,
  writeSavedModel,
} from "../../lib/experiment/saved_model.ts";
import type { SavedModel } from "../../lib/experiment/saved_model_json.ts";
import { writeManifest } from "../../lib/experiment/manifest.ts";
import { mlp as family } from "../../lib/models/mlp_model.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const mlp: Omit<SavedModel, "folds"> = {
  kind: "mlp",
  genes: ["ENSG1", "ENSG2"],
  input: { kind: "embedding", model: "ntv2", width: 3 },
  script: "hs_27_mlp_nt.ts",
  flags: { "hidden-dims": [4] },
};

function zeros(...shape: number[]): SafetensorsArray {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
}

/** Save without a manifest, as earlier versions did, and open without their warning. */
const save = (folder: string, folds: TrainedFold[]) =>
  writeSavedModel((name) => join(folder, name), mlp, folds);
const openSaved = async (folder: string) => (await captured(() => openSavedModel(folder))).result;

function mlpFold(fold: number, replaced: Record<string, SafetensorsArray | null> = {}): TrainedFold {
  const tensors = new Map([
    ["scaler.mean", zeros(3)],
    ["scaler.scale", zeros(3)],
    ["layers.0.weight", zeros(4, 3)],
    ["layers.0.bias", zeros(4)],
    ["layers.1.weight", zeros(2, 4)],
    ["layers.1.bias", zeros(2)],
  ]);
  for (const [name, tensor] of Object.entries(replaced)) {
    if (tensor) tensors.set(name, tensor);
    else tensors.delete(name);
  }
  return { fold, test: [`TF${fold}`], baseline: Float32Array.of(0.5, -0.25), tensors };
}

Deno.test("A saved model comes back with its description and every fold's tensors", () =>
  inFolder(async (folder) => {
    await save(folder, [mlpFold(0), mlpFold(3)]);
    const model = await openSaved(folder);
    assertEquals(model, {
      ...mlp,
      folds: [
        { fold: 0, test: ["TF0"], weights: "fold_0.safetensors" },
        { fold: 3, test: ["TF3"], weights: "fold_3.safetensors" },
      ],
      folder: join(folder, "model"),
      resultFolder: folder,
      manifest: null,
    });
    const tensors = await readSavedFold(model, model.folds[1], family);
    const { baseline, tensors: own } = mlpFold(3);
    assertEquals(
      new Map(tensors),
      new Map([["baseline", { shape: [2], data: baseline }], ...own]) as typeof tensors,
    );
  }));

Deno.test("A scaler saved in float64 comes back without loss", () =>
  inFolder(async (folder) => {
    const mean = Float64Array.of(1 / 3, 1e-300, Math.PI);
    await save(folder, [mlpFold(0, { "scaler.mean": { shape: [3], data: mean } })]);
    const model = await openSaved(folder);
    const tensors = await readSavedFold(model, model.folds[0], family);
    assertEquals(tensors.get("scaler.mean"), { shape: [3], data: Float32Array.from(mean), doubles: mean });
    assertEquals(tensors.get("scaler.scale")!.doubles, undefined);
  }));

Deno.test("readSavedFold() refuses a fold that lacks a tensor, or has one of the wrong shape or with NaN", () =>
  inFolder(async (folder) => {
    const refuses = async (replaced: Record<string, SafetensorsArray | null>, message: string) => {
      await save(folder, [mlpFold(0, replaced)]);
      const model = await openSaved(folder);
      await assertRejects(() => readSavedFold(model, model.folds[0], family), DataError, message);
    };
    await refuses({ "scaler.mean": null }, `it has no tensor "scaler.mean"`);
    await refuses(
      { "layers.1.weight": zeros(2, 5) },
      `tensor "layers.1.weight" has shape (2, 5), expected (2, 4)`,
    );
    await refuses(
      { "layers.1.bias": { shape: [2], data: Float32Array.of(1, NaN) } },
      `tensor "layers.1.bias" holds NaN at 1`,
    );
  }));

Deno.test("A result with a manifest is read only while its files are the run's own", () =>
  inFolder(async (folder) => {
    await save(folder, [mlpFold(0), mlpFold(1)]);
    await writeManifest(folder, {
      run_id: "r",
      data_id: "d",
      script: "s",
      flags: {},
      engines: [],
      inputs: [],
    });
    const model = await openSavedModel(folder);
    await readSavedFold(model, model.folds[1], family);
    const path = join(folder, "model", "fold_1.safetensors");
    await Deno.copyFile(join(folder, "model", "fold_0.safetensors"), path);
    await readSavedFold(model, model.folds[0], family);
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 1] ^= 1;
    await Deno.writeFile(path, bytes);
    await assertRejects(
      () => readSavedFold(model, model.folds[1], family),
      DataError,
      "it was changed since the result",
    );
    await Deno.writeTextFile(join(folder, "model", "model.json"), "{}");
    await assertRejects(() => openSavedModel(folder), DataError, "it was changed since the result");
  }));

Deno.test("openSavedModel() says in one line what is wrong with a folder", () =>
  inFolder(async (folder) => {
    const refuses = (what: string) => assertRejects(() => openSavedModel(folder), DataError, what);
    await refuses("(train with --save-model)");
    await save(folder, [mlpFold(0)]);
    const path = join(folder, "model", "model.json");
    const good = JSON.parse(await Deno.readTextFile(path));
    for (
      const [change, message] of [
        [{ format: "other" }, `"format" is not "hs27-model"`],
        [{ version: 2 }, `"version" is 2, this program reads 1`],
        [{ kind: 3 }, `"kind" is 3, not a kind of model`],
        [{ genes: [] }, `"genes" is not a list of gene ids`],
        [{ input: { kind: "embedding", model: "ntv2" } }, `"input" does not say`],
        [{ aliases: { TP53: "ENSG1" } }, `"aliases" does not give lists of names`],
        [{ folds: [{ fold: 0, test: [], weights: "../../etc/passwd" }] }, `"folds"[0] needs`],
        [
          { folds: [{ fold: 0, test: [], weights: "fold_0.safetensors", adapter: "../../elsewhere" }] },
          `"folds"[0] needs`,
        ],
      ] as const
    ) {
      await Deno.writeTextFile(path, JSON.stringify({ ...good, ...change }));
      await refuses(message);
    }
    await Deno.writeTextFile(path, "{");
    await refuses("it is not valid JSON");
  }));

Deno.test("readSavedFold() refuses a fold whose file does not fit the description", () =>
  inFolder(async (folder) => {
    await save(folder, [mlpFold(0)]);
    const model = await openSaved(folder);
    const wider = { ...model, genes: ["ENSG1", "ENSG2", "ENSG3"] };
    await assertRejects(
      () => readSavedFold(wider, model.folds[0], family),
      DataError,
      `as a fold of a mlp model: tensor "baseline" has shape (2), expected (3)`,
    );
  }));
