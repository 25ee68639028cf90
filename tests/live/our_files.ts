/** Writes what this project writes for others, with the numbers that a reader should find (read_ours.py compares). */
import { join } from "@std/path";
import { encodeModel } from "../../lib/boosting/model_json.ts";
import { constantModel, predict } from "../../lib/boosting/tree.ts";
import { writeFileAtomic } from "../../lib/io/atomic_write.ts";
import { writeNpy } from "../../lib/io/npy.ts";
import { writeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { encodeSplitsPickle } from "../../lib/io/splits_pickle.ts";
import { writeMergedModel } from "../../lib/models/nucleotide_transformer/ia3/merge.ts";
import { openModelSource } from "../../lib/models/model_source.ts";
import { readAdapter, writeAdapter } from "../../lib/models/peft_adapter.ts";
import { fit, randomProblem } from "../boosting/support.ts";
import { fixtures } from "../support/live_fixtures.ts";

export async function writeOurFiles(folder: string): Promise<void> {
  const put = (name: string, content: unknown) =>
    writeFileAtomic(join(folder, name), JSON.stringify(content));
  const numbers = (values: Float32Array) => Array.from(values, (value) => Number.isNaN(value) ? null : value);

  const problem = randomProblem(1, { rows: 80, features: 5, missing: 0.1 });
  for (const [name, gamma, baseScore] of [["plain", 0, 0.5], ["pruned", 0.2, -1.25]] as const) {
    const { trees } = fit(problem, { rounds: 20, maxDepth: 4, gamma, baseScore });
    const model = { baseScore, features: 5, trees: trees! };
    await writeFileAtomic(join(folder, `xgboost/${name}.json`), encodeModel(model));
    await put(`xgboost/${name}_expected.json`, {
      x: numbers(problem.test.data),
      features: 5,
      predictions: numbers(predict(model, problem.test)),
    });
  }
  const constant = constantModel(0.25, 5, 3);
  await writeFileAtomic(join(folder, "xgboost/constant.json"), encodeModel(constant));
  await put("xgboost/constant_expected.json", {
    x: numbers(problem.test.data),
    features: 5,
    predictions: numbers(predict(constant, problem.test)),
  });

  const [version] = [...Deno.readDirSync(fixtures("peft"))].filter(({ isDirectory }) => isDirectory);
  const peft = join(fixtures("peft"), version.name);
  await Deno.copyFile(join(peft, "expected.json"), join(folder, "logits.json"));
  for (const name of ["lists", "regex", "head"]) {
    const adapter = await readAdapter(join(peft, name));
    await writeAdapter(join(folder, "adapters", name), adapter);
    await writeMergedModel(join(folder, "merged", name), await openModelSource(join(peft, "base")), adapter);
  }

  const index = ["TP53", "größe", "a b", ""], columns = ["ENSG1", "ENSG2", "ENSG3"];
  const data = Float32Array.from([0.1, -2.5, 3e-8, NaN, 1, 2, 3, 4, 5, -Infinity, 1e30, 0]);
  await writeParquetFrame(join(folder, "frame.parquet"), {
    index,
    columns,
    values: { data, rows: 4, columns: 3 },
  });
  await writeNpy(join(folder, "frame.npy"), { shape: [4, 3], data });
  await writeNpy(join(folder, "ids.npy"), { shape: [4], data: index });
  const folds = [{ train: [0, 1, 2], test: [3, 4] }, { train: [3, 4], test: [0, 1, 2] }];
  await writeFileAtomic(
    join(folder, "splits.pkl"),
    encodeSplitsPickle({ method: "2fold", nSplits: 2, randomState: 42, totalSamples: 5, folds }),
  );
}
