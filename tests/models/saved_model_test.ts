import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import type { SafetensorsArray } from "../../lib/io/safetensors.ts";
import {
  openSavedModel,
  readSavedFold,
  type SavedModel,
  type TrainedFold,
  writeSavedModel,
} from "../../lib/models/saved_model.ts";
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

function mlpFold(fold: number, replaced: Record<string, SafetensorsArray | null> = {}): TrainedFold {
  const tensors = new Map([
    ["baseline", { shape: [2], data: Float32Array.of(0.5, -0.25) }],
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
  return { fold, test: [`TF${fold}`], tensors };
}

Deno.test("A saved model comes back with its description and every fold's tensors", () =>
  inFolder(async (folder) => {
    await writeSavedModel(folder, mlp, [mlpFold(0), mlpFold(3)]);
    const model = await openSavedModel(folder);
    assertEquals(model, {
      ...mlp,
      folds: [
        { fold: 0, test: ["TF0"], weights: "fold_0.safetensors" },
        { fold: 3, test: ["TF3"], weights: "fold_3.safetensors" },
      ],
      folder: join(folder, "model"),
    });
    const tensors = await readSavedFold(model, model.folds[1]);
    assertEquals(tensors, mlpFold(3).tensors as typeof tensors);
  }));

Deno.test("A scaler saved in float64 comes back without loss", () =>
  inFolder(async (folder) => {
    const mean = Float64Array.of(1 / 3, 1e-300, Math.PI);
    await writeSavedModel(folder, mlp, [mlpFold(0, { "scaler.mean": { shape: [3], data: mean } })]);
    const model = await openSavedModel(folder);
    const tensors = await readSavedFold(model, model.folds[0]);
    assertEquals(tensors.get("scaler.mean"), { shape: [3], data: Float32Array.from(mean), doubles: mean });
    assertEquals(tensors.get("scaler.scale")!.doubles, undefined);
  }));

Deno.test("writeSavedModel() refuses a fold that lacks a tensor or has one of the wrong shape", () =>
  inFolder(async (folder) => {
    const save = (replaced: Record<string, SafetensorsArray | null>) =>
      writeSavedModel(folder, mlp, [mlpFold(0, replaced)]);
    await assertRejects(() => save({ "scaler.mean": null }), RangeError, `it has no tensor "scaler.mean"`);
    await assertRejects(
      () => save({ "layers.1.weight": zeros(2, 5) }),
      RangeError,
      `tensor "layers.1.weight" has shape (2, 5), expected (2, 4)`,
    );
    await assertRejects(() => save({ baseline: zeros(3) }), RangeError, "expected (2)");
  }));

Deno.test("openSavedModel() says in one line what is wrong with a folder", () =>
  inFolder(async (folder) => {
    const refuses = (what: string) => assertRejects(() => openSavedModel(folder), DataError, what);
    await refuses("(train with --save-model)");
    await writeSavedModel(folder, mlp, [mlpFold(0)]);
    const path = join(folder, "model", "model.json");
    const good = JSON.parse(await Deno.readTextFile(path));
    for (
      const [change, message] of [
        [{ format: "other" }, `"format" is not "hs27-model"`],
        [{ version: 2 }, `"version" is 2, this program reads 1`],
        [{ kind: "forest" }, `"kind" is "forest", expected one of linear_pca,`],
        [{ genes: [] }, `"genes" is not a list of gene ids`],
        [{ input: { kind: "embedding", model: "ntv2" } }, `"input" does not say`],
        [{ aliases: { TP53: "ENSG1" } }, `"aliases" does not give lists of names`],
        [{ folds: [{ fold: 0, test: [], weights: "../../etc/passwd" }] }, `"folds"[0] needs`],
        [{ kind: "linear_pca" }, `"input" does not say`],
        [
          { kind: "nt_ia3", input: { kind: "sequence", model: "m", maxLength: 9 } },
          `"folds"[0] names no "adapter"`,
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
    await writeSavedModel(folder, mlp, [mlpFold(0)]);
    const model = await openSavedModel(folder);
    const wider = { ...model, genes: ["ENSG1", "ENSG2", "ENSG3"] };
    await assertRejects(
      () => readSavedFold(wider, model.folds[0]),
      DataError,
      `as a fold of a mlp model: tensor "baseline" has shape (2), expected (3)`,
    );
  }));
