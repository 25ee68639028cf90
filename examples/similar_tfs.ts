#!/usr/bin/env -S deno run -P
/**
 * Which TFs look alike to a DNA model: those with the smallest angle between their embeddings.
 *
 *   deno run -P examples/similar_tfs.ts                              (demo data)
 *   deno run -P examples/similar_tfs.ts --embeddings tfs.npy --tf GATA1 --count 10
 */
import { parse } from "npm:npyjs@1.2.0";
import * as tf from "../lib/mod.ts";

const demo = `${import.meta.dirname}/../data/demo/NT-v2-50M/NTv2_50m_tf_embeddings.npy`;

export async function main(args: string[]): Promise<void> {
  const flags = tf.parseFlags(
    {
      embeddings: { default: null, type: "text", value: "FILE", help: "vectors as inference.ts writes them" },
      ids: {
        default: null,
        type: "text",
        value: "FILE",
        help: "their ids, where they do not lie beside them",
      },
      tf: { default: null, type: "text", value: "ID", help: "the TF to look at; without it, the first" },
      count: { default: 5, min: 1, help: "how many TFs to list" },
    },
    { script: "examples/similar_tfs.ts", about: "The TFs whose embeddings are nearest to a TF's." },
    args,
  );
  const path = flags.embeddings ?? demo;
  // npyjs reads any plain array of numbers; readEmbeddings() gives the ids and checks both.
  const { data, shape: [, width] } = parse((await Deno.readFile(path)).buffer);
  const numbers = data as Float32Array;
  const { ids } = await tf.readEmbeddings(path, flags.ids);
  const vector = (i: number) => Float64Array.from(numbers.slice(i * width, (i + 1) * width));
  const cosine = (a: Float64Array, b: Float64Array) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

  const chosen = flags.tf === null ? 0 : tf.matchIds({ ids: [flags.tf] }, { ids }).rows[0];
  if (chosen < 0) {
    throw new tf.UsageError(`Cannot find --tf "${flags.tf}" among the ids of "${path}" (${ids[0]}, ...)`);
  }
  const likeness = ids.map((_, i) => cosine(vector(chosen), vector(i)));
  const order = [...ids.keys()].filter((i) => i !== chosen).sort((a, b) => likeness[b] - likeness[a]);
  tf.log.info(`Nearest to ${ids[chosen]} of ${ids.length} TFs, by the cosine of their ${width} numbers:`);
  for (const i of order.slice(0, flags.count)) {
    tf.log.info(`  ${ids[i].padEnd(16)} ${likeness[i].toFixed(4)}`);
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, j) => sum + value * b[j], 0);
}

if (import.meta.main) await tf.runScript(main, import.meta);
