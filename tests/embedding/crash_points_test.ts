/**
 * inference.ts and predict.ts killed at any change of the disk: what stands there is of one run or known not to be, and the next
 * run ends with the bytes of one that was never killed, and leaves nothing else.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { embeddingRecord } from "../../lib/embedding/record.ts";
import { readEmbeddings } from "../../lib/dataset/embeddings.ts";
import { writeNpy } from "../../lib/io/npy.ts";
import { describeFile } from "../../lib/io/file_fact.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { main as inference } from "../../scripts/inference.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured } from "../support/captured_log.ts";
import { copyFolder, crashAt, crashPoints, runUnflushed, stepsOf } from "../support/crash.ts";
import { golden, testWith } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

type Run = (folder: string) => Promise<void>;

async function hashes(folder: string): Promise<Record<string, string>> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await describeFile(join(folder, name))).sha256])),
  );
}

/** @param check what stands there after a kill. @returns how many points were tried */
async function killAnywhere(
  root: string,
  { before, run, next }: { before: Run; run: Run; next: Run },
  check: (folder: string, old: Record<string, string>, fresh: Record<string, string>) => Promise<void>,
): Promise<number> {
  const [folder, template] = [join(root, "out"), join(root, "template")];
  await Deno.mkdir(folder);
  await captured(() => before(folder));
  await copyFolder(folder, template);
  const old = await hashes(folder);
  await captured(() => run(folder));
  const fresh = await hashes(folder);
  let points = 0;
  const begin = async () => {
    await Deno.remove(folder, { recursive: true });
    await copyFolder(template, folder);
  };
  await begin();
  const steps = await stepsOf(folder, () => run(folder));
  for (const point of crashPoints(steps)) {
    await begin();
    await crashAt(point, folder, () => run(folder));
    await check(folder, old, fresh);
    await runUnflushed(() => next(folder));
    assertEquals(
      await hashes(folder),
      fresh,
      `${JSON.stringify(steps[point.at])} ${point.half ? "half" : "before"}`,
    );
    points++;
  }
  return points;
}

testWith(
  golden("deep/nt_tiny"),
  "inference.ts killed at any change of the disk leaves no vectors of two runs",
  (model, test) =>
    inFolder(async (root) => {
      const input = join(root, "in.csv");
      await Deno.writeTextFile(input, "gene_id,sequence\nA,ACGTACGT\nB,GGCCNA\nC,TTTTTTTTTTTTT\n");
      const run = (folder: string, ...more: string[]) =>
        inference([
          ...["--pipeline", "ntv2", "--model", model, "--input", input, "--output", join(folder, "x.npy")],
          ...["--device", "cpu", "--threads", "1", "--batch-size", "1", ...more],
        ]);
      const points = await killAnywhere(root, {
        before: (folder) => run(folder, "--pooling-method", "cls"),
        run,
        next: (folder) => run(folder, "--resume"),
      }, async (folder, old, fresh) => {
        const vectors = join(folder, "x.npy");
        const record = await embeddingRecord(vectors);
        if (record) await readEmbeddings(vectors, null); // refuses what is torn
        const { sha256 } = await describeFile(vectors);
        assert([old["x.npy"], fresh["x.npy"]].includes(sha256));
        if (record) assertEquals(record.pooling === "first token", sha256 === old["x.npy"]);
      });
      await test.step(`${points} crash points`, () => {});
    }),
);

Deno.test("predict.ts killed at any change of the disk leaves no predictions beside another run's baseline", (test) =>
  inFolder(async (root) => {
    const data = golden("synthetic/datasets/s")!;
    const flags = ["--data-dir", data, "--plot-format", "svg", "--bootstrap", "5", "--save-model"];
    await captured(() => lel([...flags, "--output-dir", root]));
    const { genes } = JSON.parse(await Deno.readTextFile(join(root, "linear_pca/model/model.json")));
    let points = 0;
    for (const name of ["p.csv", "p.parquet", "p.npy"]) {
      const run = (folder: string, ...more: string[]) =>
        predict([
          ...["--result", join(root, "linear_pca"), "--ids", genes.slice(0, 4).join(",")],
          ...["--output", join(folder, name), ...more],
        ]);
      const all = { before: (folder: string) => run(folder, "--fold", "1"), run, next: run };
      points += await killAnywhere(root, all, async (folder, old, fresh) => {
        const found = await hashes(folder);
        if (found[name] === undefined) return;
        const of = found[name] === fresh[name] ? fresh : old;
        const baseline = name.replace(".", "_baseline.");
        assertEquals([found[name], found[baseline]], [of[name], of[baseline]]);
      });
      await Deno.remove(join(root, "out"), { recursive: true });
      await Deno.remove(join(root, "template"), { recursive: true });
    }
    await test.step(`${points} crash points`, () => {});
  }));

for (const [of, name] of [["vectors", "x.npy"], ["ids", "x_gene_ids.npy"]]) {
  Deno.test(`embeddings whose ${of} were changed since their record was written are refused by name`, () =>
    inFolder(async (folder) => {
      const vectors = join(folder, "x.npy"), path = join(folder, name);
      await writeNpy(vectors, { shape: [2, 1], data: Float32Array.of(1, 2) });
      await writeNpy(join(folder, "x_gene_ids.npy"), { shape: [2], data: ["A", "B"] });
      const record = { [`${of}_sha256`]: (await describeFile(path)).sha256 };
      await Deno.writeTextFile(join(folder, "x.json"), JSON.stringify(record));
      await readEmbeddings(vectors, null);
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 4] ^= 1;
      await Deno.writeFile(path, bytes);
      await assertRejects(() => readEmbeddings(vectors, null), DataError, `"${path}": it was changed since`);
      await Deno.remove(join(folder, "x.json"));
      await readEmbeddings(vectors, null);
    }));
}
