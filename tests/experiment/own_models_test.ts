/** Models of one's own that read nothing but the targets. */
import { assertRejects } from "@std/assert";
import * as tf from "../../lib/mod.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** Predicts `value` everywhere. */
function main(kind: string, value: number, args: readonly string[]): Promise<void> {
  const script = "constant.ts", flags = tf.parseFlags(tf.experimentFlags, { script, about: "" }, args);
  const family: tf.ModelFamily = {
    kind,
    input: "none",
    shapes: () => ({}),
    load: () => ({ predict: (_, rows) => tf.zeros(rows.length, 1) }),
  };
  return tf.runExperiment({
    ...{ script, flags, modelName: "mine", modelType: kind, layout: tf.plainLayout("mine") },
    read: async (folder) => await tf.prepareEmbeddingData(await tf.readTargetsAlone(flags), flags, folder),
    model: () => ({
      ...{ family, identity: {}, engine: "cpu", isQuick: true, predictsTraining: false, summary: () => ({}) },
      fit: ({ targets: { columns } }) => ({
        predict: (rows) => ({
          data: new Float32Array(rows.length * columns).fill(value),
          rows: rows.length,
          columns,
        }),
        tensors: () => tf.tensors({ value }),
      }),
    }),
  });
}

Deno.test("folds of one kind of model are never put together with those of another", () =>
  inFolder(async (folder) => {
    const flags = ["--output-dir", folder, "--plot-format", "svg", "--bootstrap", "10"];
    await captured(() => main("one", 0, [...flags, "--folds", "0"]));
    await captured(() =>
      assertRejects(
        () => main("two", 7, [...flags, "--folds", "1", "2", "3", "4"]),
        tf.DataError,
        "kind of model",
      )
    );
  }));
