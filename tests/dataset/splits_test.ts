import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { kFold } from "../../lib/dataset/kfold.ts";
import { crossValidationSplits, type SplitsRequest } from "../../lib/dataset/splits.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { encodeSplitsPickle } from "../../lib/io/pickle.ts";
import { captured } from "../support/captured_log.ts";

const ids = Array.from({ length: 12 }, (_, i) => `TF${i}`);

async function inFolder(body: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(join(folder, "cv.pkl"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const ask = (file: string, change: Partial<SplitsRequest> = {}) =>
  captured(() => crossValidationSplits({ ids, folds: 3, seed: 1, file, rule: "n_splits", ...change }));

const write = (file: string, change: Partial<Parameters<typeof encodeSplitsPickle>[0]>) =>
  Deno.writeFile(
    file,
    encodeSplitsPickle({
      method: "3fold",
      nSplits: 3,
      randomState: 1,
      totalSamples: 12,
      folds: kFold(12, 3, 9),
      ...change,
    }),
  );

Deno.test("crossValidationSplits() makes fresh folds, saves them with ids, and uses them the next time", () =>
  inFolder(async (file) => {
    const { result: fresh } = await ask(file);
    assertEquals(fresh, { folds: kFold(12, 3, 1), method: "3fold", file });
    assertEquals((await readSplitsFile(file))!.perturbations, ids);
    const { result: again, lines } = await ask(file, { seed: 99 });
    assertEquals(again.folds, fresh.folds);
    assertEquals(lines.filter((line) => line.startsWith("[warn]")), []);
  }));

Deno.test("crossValidationSplits() finds rows by id in another order", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids });
    const { result } = await ask(file, { ids: [...ids].reverse() });
    const expected = kFold(12, 3, 9).map(({ train, test }) => ({
      train: train.map((row) => 11 - row),
      test: test.map((row) => 11 - row),
    }));
    assertEquals(result.folds, expected);
  }));

Deno.test("crossValidationSplits() finds rows by another of their names", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids.map((id) => `ENSG-${id}`) });
    const { result } = await ask(file, { aliases: ids.map((id) => [`ENSG-${id}`]) });
    assertEquals(result.folds, kFold(12, 3, 9));
  }));

const misfits: [string, Parameters<typeof write>[1], Partial<SplitsRequest>, string][] = [
  ["another number of samples", { totalSamples: 13 }, {}, "for 13 samples, there are 12"],
  ["another number of folds", {}, { folds: 4 }, "they have 3 folds, --n-folds is 4"],
  [
    "another method, where that counts",
    { method: "loo" },
    { rule: "method" },
    `their method is "loo", not "3fold"`,
  ],
  ["perturbations that are not there", { perturbations: [...ids.slice(1), "X"] }, {}, "such as X"],
];
for (const [what, content, change, reason] of misfits) {
  Deno.test(`crossValidationSplits() replaces a file for ${what}, with a warning`, () =>
    inFolder(async (file) => {
      await write(file, content);
      const { result, lines } = await ask(file, change);
      assertEquals(result.folds, kFold(12, change.folds ?? 3, 1));
      assert(lines.some((line) => line.startsWith("[warn]") && line.includes(reason)), lines.join("\n"));
      assertEquals((await readSplitsFile(file))!.perturbations, ids);
    }));
}

Deno.test("crossValidationSplits() takes splits that came with the data where they fit, and never changes them", () =>
  inFolder(async (file) => {
    const shared = `${file}.shared`;
    await write(shared, { perturbations: ids });
    assertEquals((await ask(file, { shared })).result, {
      folds: kFold(12, 3, 9),
      method: "3fold",
      file: shared,
    });

    await write(shared, { perturbations: [...ids.slice(1), "X"] });
    const before = await Deno.readFile(shared);
    const { result: fresh, lines } = await ask(file, { shared });
    assertEquals(fresh, { folds: kFold(12, 3, 1), method: "3fold", file });
    assert(
      lines.some((line) => line.endsWith(`such as X); taking those of ${file} instead.`)),
      lines.join("\n"),
    );
    assertEquals(await Deno.readFile(shared), before);
    assertEquals((await ask(file, { shared, seed: 99 })).result, fresh);
  }));

const broken: [string, Parameters<typeof write>[1], string][] = [
  [
    "an index beyond its samples",
    { folds: [{ train: [0, 1], test: [12] }] },
    "fold 0, test: index 12 is outside its 12 samples",
  ],
  [
    "a row in train and test",
    { folds: [{ train: [0, 1], test: [1] }] },
    "fold 0: index 1 is in both train and test",
  ],
  ["ids of another number", { perturbations: ["A"] }, "its perturbations are not a list of 12 ids"],
  ["a repeated id", { perturbations: ids.map(() => "A") }, "its perturbations repeat an id"],
];
for (const [what, content, reason] of broken) {
  Deno.test(`crossValidationSplits() refuses a file with ${what}`, () =>
    inFolder(async (file) => {
      await write(file, content);
      await assertRejects(() => ask(file), DataError, `Cannot read splits "${file}": ${reason}`);
    }));
}

Deno.test("crossValidationSplits() refuses more folds than perturbations", () =>
  inFolder(async (file) => {
    await assertRejects(
      () => ask(file, { folds: 13 }),
      UsageError,
      "Cannot split 12 perturbations into 13 folds",
    );
  }));
