/**
 * Results, saved models, parts, checkpoints, splits and embeddings damaged at random: what is read of them is refused in one
 * sentence, or gives the very numbers of the undamaged file. What has no hash (folders of earlier versions, splits) is refused or
 * read as what it then is, in bounded time.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { main as trees } from "../../scripts/hs27_xgboost.ts";
import { main as mlp } from "../../scripts/hs_27_mlp_nt.ts";
import { main as inference } from "../../scripts/inference.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as ia3 } from "../../scripts/nt_v2_ia3_regression.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured } from "../support/captured_log.ts";
import { copyFolder } from "../support/crash.ts";
import { golden, testWith } from "../support/golden.ts";
import { mutated } from "../support/mutate.ts";
import { refusalOf } from "../support/outcome.ts";
import { inFolder } from "../support/temporary_folder.ts";

const data = golden("synthetic/datasets/s")!, model = golden("deep/nt_tiny");
const vectors = (name: string) => join(data, "NT-v2-50M", `NTv2_50m_tf_${name}.npy`);
const base = [
  "--data-dir",
  data,
  "--plot-format",
  "svg",
  "--bootstrap",
  "5",
  "--save-model",
  "--n-folds",
  "2",
];
const cpu = ["--device", "cpu", "--threads", "1"];
const network = [
  ...cpu,
  "--hidden-dims",
  "4",
  "--epochs",
  "2",
  "--n-top-genes",
  "6",
  "--checkpoint-seconds",
  "0",
];
const onNt = ["--embeddings", vectors("embeddings"), "--ids", vectors("ids")];
const [firstGene] = (await Deno.readTextFile(join(data, "data/artifacts/gene_index.txt"))).split("\n");

type Main = (args: string[]) => Promise<void>;
interface Saved {
  readonly main: Main;
  readonly flags: readonly string[];
  /** Flags of predict.ts. */
  readonly input: readonly string[];
}

const saved: Record<string, Saved> = {
  linear_pca: { main: lel, flags: [], input: ["--ids", firstGene] },
  linear_nt_embed: { main: lelEmbed, flags: ["--ntv2-dir", join(data, "NT-v2-50M")], input: onNt },
  xgboost_hyena: {
    main: trees,
    flags: ["--n-top-genes", "3", "--n-estimators", "3", "--n-jobs", "1"],
    input: [
      ...["--embeddings", join(data, "HyenaDNA_outputs/hyenadna_tf_embeddings_mean.npy")],
      ...["--ids", join(data, "HyenaDNA_outputs/hyenadna_tf_gene_index.txt")],
    ],
  },
  mlp_nt: { main: mlp, flags: network, input: [...onNt, ...cpu] },
  concat_mlp: { main: concat, flags: network, input: [...onNt, ...cpu] },
  ...(model && {
    nt_ia3: {
      main: ia3,
      flags: [
        "--model",
        model,
        "--num-epochs",
        "1",
        "--max-steps",
        "1",
        "--max-length",
        "6",
        "--n-top-genes",
        "3",
        ...cpu,
      ],
      input: ["--sequences", join(data, "data/tf_sequences.csv"), ...cpu],
    },
  }),
};

/** Files of a result that predict.ts reads. */
async function readFiles(result: string, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(result, prefix))) {
    const path = join(prefix, name);
    if (isDirectory) found.push(...await readFiles(result, path));
    else if (/^(manifest\.json|model.(model\.json|fold_\d)|adapters)/.test(path)) found.push(path);
  }
  return found.sort();
}

/** Damage one file after the other, and put each back. @returns how many damaged files were refused */
async function damageEach(
  folder: string,
  files: readonly string[],
  count: number,
  stream: ModelStream,
  body: (file: string) => Promise<boolean>,
): Promise<number> {
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const path = join(folder, files[i % files.length]), bytes = await Deno.readFile(path);
    await Deno.writeFile(path, mutated(bytes, stream));
    if (await body(files[i % files.length])) refused++;
    await Deno.writeFile(path, bytes);
  }
  return refused;
}

for (const [name, { main, flags, input }] of Object.entries(saved)) {
  Deno.test(`predict.ts refuses damaged files of a ${name} result, or predicts what it did`, (test) =>
    inFolder(async (folder) => {
      await captured(() => main([...base, ...flags, "--output-dir", folder]));
      const result = join(folder, name), output = join(folder, "p.npy");
      const ask = () => predict(["--result", result, ...input, "--output", output]);
      await captured(ask);
      const { sha256 } = await describeFile(output), files = await readFiles(result);
      const stream = new ModelStream(17, name);
      const refused = await damageEach(result, files, 90, stream, async (file) => {
        const refusal = await refusalOf(ask);
        if (refusal === null) {
          assertEquals((await describeFile(output)).sha256, sha256, `${file} was changed`);
        }
        return refusal !== null;
      });
      await Deno.remove(join(result, "manifest.json"));
      const older = files.filter((file) => file !== "manifest.json");
      const told = await damageEach(result, older, 60, stream, async () => await refusalOf(ask) !== null);
      assert(refused > 50 && told > 10, `${refused} and ${told} refused`);
      await test.step(`150 damaged files, ${refused} of 90 refused, without a manifest ${told} of 60`, () => {});
    }));
}

for (const [name, { main, flags }] of Object.entries(saved).filter(([name]) => !name.startsWith("linear"))) {
  Deno.test(`--resume refuses damaged parts of ${name}, or ends with the same result`, (test) =>
    inFolder(async (folder) => {
      const run = (...more: string[]) => main([...base, ...flags, "--output-dir", folder, ...more]);
      await captured(() => run());
      const predictions = async () => {
        const path = [...Deno.readDirSync(join(folder, name))].find((entry) =>
          entry.name.startsWith("predictions_")
        )!;
        return (await describeFile(join(folder, name, path.name))).sha256;
      };
      const expected = await predictions();
      await Deno.remove(join(folder, name), { recursive: true });
      await captured(() => run("--folds", "0"));
      await copyFolder(join(folder, name), join(folder, "kept"));
      const files = [...Deno.readDirSync(join(folder, "kept", "unfinished"))].map((entry) =>
        `unfinished/${entry.name}`
      );
      const refused = await damageEach(
        join(folder, "kept"),
        files,
        40,
        new ModelStream(23, name),
        async () => {
          await Deno.remove(join(folder, name), { recursive: true });
          await copyFolder(join(folder, "kept"), join(folder, name));
          const refusal = await refusalOf(() => run("--resume"));
          if (refusal === null) assertEquals(await predictions(), expected);
          return refusal !== null;
        },
      );
      assertEquals(refused, 40);
      await test.step(`${refused} damaged parts`, () => {});
    }));
}

Deno.test("readSplitsFile() refuses damaged splits, or gives folds that are a partition", async (test) => {
  const path = join(data, "data/artifacts/cv_splits_5fold_42.pkl"), bytes = await Deno.readFile(path);
  await inFolder(async (folder) => {
    const stream = new ModelStream(29), copy = join(folder, "splits.pkl");
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      await Deno.writeFile(copy, mutated(bytes, stream));
      const refusal = await refusalOf(async () => {
        const { folds, totalSamples } = (await readSplitsFile(copy))!;
        const tested = folds.flatMap(({ test }) => [...test]);
        assertEquals(new Set(tested).size, tested.length);
        for (const { train, test } of folds) {
          const all = new Set([...train, ...test]);
          assert(all.size === train.length + test.length && Math.max(...all) < totalSamples);
        }
      });
      if (refusal !== null) refused++;
    }
    assert(refused > 100, `${refused} refused`);
    await test.step(`300 damaged splits, ${refused} refused`, () => {});
  });
});

testWith(
  model,
  "damaged embeddings, records, shards and unfinished runs are refused, or are as they were",
  (model, test) =>
    inFolder(async (folder) => {
      const input = join(folder, "in.csv"), out = join(folder, "out"), at = (name: string) => join(out, name);
      await Deno.writeTextFile(input, "gene_id,sequence\nA,ACGTACGT\nB,GGCCNA\nC,TTTTTTTTTTTTT\n");
      const run = (...more: string[]) =>
        inference([
          ...[
            "--pipeline",
            "ntv2",
            "--model",
            model,
            "--input",
            input,
            "--output",
            at("x.npy"),
            ...cpu,
            ...more,
          ],
        ]);
      await captured(() => run());
      const kept = join(folder, "kept"), fact = async (name: string) => (await describeFile(at(name))).sha256;
      let wanted = [await fact("x.npy"), await fact("x_gene_ids.npy")];
      const ends = async (body: () => Promise<void>, file: string) => {
        await Deno.remove(out, { recursive: true });
        await copyFolder(kept, out);
        const refusal = await refusalOf(body);
        if (refusal === null) {
          assertEquals([await fact("x.npy"), await fact("x_gene_ids.npy")], wanted, `${file} was changed`);
        }
        return refusal !== null;
      };
      await copyFolder(out, kept);
      const stream = new ModelStream(31);
      // Whole files: what is damaged is made again.
      await damageEach(kept, ["x.npy", "x_gene_ids.npy", "x.json"], 45, stream, (file) =>
        ends(() =>
          run("--resume"), file));
      // Shards.
      await Deno.remove(kept, { recursive: true });
      for (const shard of ["1/2", "2/2"]) {
        await captured(() =>
          run("--shard", shard)
        );
      }
      for (const name of ["x.npy", "x_gene_ids.npy", "x.json"]) {
        await Deno.remove(at(name));
      }
      await copyFolder(out, kept);
      await captured(() =>
        run("--merge")
      ); // in batches of another size, so not to the last bit what the whole run gave
      wanted = [await fact("x.npy"), await fact("x_gene_ids.npy")];
      const shards = [...Deno.readDirSync(kept)].map(({ name }) => name).sort();
      const refused = await damageEach(kept, shards, 90, stream, (file) => ends(() => run("--merge"), file));
      assert(refused > 60, `${refused} of 90 shards refused`);
      await test.step(`135 damaged embeddings, records and shards, ${refused} of 90 shards refused`, () => {});
    }),
);
