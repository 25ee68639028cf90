#!/usr/bin/env -S deno run -P
/**
 * A model of one's own: a TF answers as the mean of the k training TFs whose embeddings are nearest.
 *
 *   deno run -P examples/knn.ts --k 5 --save-model
 *   deno run -P scripts/predict.ts --model-code examples/knn.ts --result results/knn --embeddings new.npy
 */
import * as tf from "../lib/mod.ts";

/** Mean response of the k known TFs that are nearest to each row of x (rows x genes); responses: genes x known TFs. */
function predictNearest(known: tf.Embedded, responses: tf.Matrix, x: tf.Embedded, k: number): tf.Matrix {
  const predictions = tf.zeros(x.rows, responses.rows);
  for (let i = 0; i < x.rows; i++) {
    const distances = tf.squaredDistances(known, tf.takeRows(x, [i]));
    const nearest = Array.from(distances.keys()).sort((a, b) => distances[a] - distances[b]).slice(0, k);
    const answers = tf.takeColumns(responses, nearest);
    tf.row(predictions, i).set(tf.rowMeans(answers));
  }
  return predictions;
}

export const family: tf.ModelFamily = {
  kind: "knn",
  input: "embedding",
  shapes: ({ genes, width }) => ({ known: [null, width], responses: [genes, null], k: [1] }),
  load({ tensors }) {
    const [known, responses] = ["known", "responses"].map((name) => tf.matrixOf(tensors.get(name)!));
    const k = tensors.get("k")!.data[0];
    return { predict: (input, rows) => predictNearest(known, responses, tf.embeddedRows(input, rows), k) };
  },
};

export async function main(args: string[]): Promise<void> {
  const kFlag = { k: { default: 5, min: 1, help: "neighbours" } } as const;
  const declared = { ...kFlag, ...tf.tfEmbeddingFlags, ...tf.experimentFlags };
  const info = { script: "examples/knn.ts", about: "Mean response of the TFs with the nearest embeddings." };
  const flags = tf.parseFlags(declared, info, args);
  const names = { modelName: "knn", modelType: "nearest neighbours", layout: tf.plainLayout("knn") };
  await tf.runExperiment({
    ...{ ...info, ...names, flags },
    read: (folder) => tf.readEmbeddingData(flags, folder, "ntv2"),
    model: ({ inputs }) => ({
      ...{ family, identity: { "--k": flags.k }, engine: "cpu", isQuick: true, predictsTraining: false },
      summary: () => ({ k: flags.k }),
      fit({ train, targets, overAllGenes }) {
        const known = tf.takeRows(inputs, train), responses = tf.transposed(tf.takeRows(targets, train));
        return {
          predict: (rows) => predictNearest(known, responses, tf.takeRows(inputs, rows), flags.k),
          tensors: () =>
            tf.tensors({ known, responses: overAllGenes(tf.tensorOf(responses), "zeros"), k: flags.k }),
        };
      },
    }),
  });
}

if (import.meta.main) await tf.runScript(main, import.meta);
