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
      const before = await Deno.readFile(file);
      const { result, lines } = await ask(file, change);
      assertEquals(result.folds, kFold(12, change.folds ?? 3, 1));
      assert(lines.some((line) => line.startsWith("[warn]") && line.includes(reason)), lines.join("\n"));
      assertEquals((await readSplitsFile(file))!.perturbations, ids);
      assert(
        lines.some((line) => line.includes(`replacing the file, kept as "${file}.bak"`)),
        lines.join("\n"),
      );
      assertEquals(await Deno.readFile(`${file}.bak`), before);
    }));
}

Deno.test("crossValidationSplits() keeps the first file that it replaced, and says so when it replaces another", () =>
  inFolder(async (file) => {
    await write(file, { totalSamples: 13 });
    const before = await Deno.readFile(file);
    await ask(file);
    const { lines } = await ask(file, { folds: 4 });
    assert(lines.some((line) => line.includes(`"${file}.bak" holds an earlier one`)), lines.join("\n"));
    assertEquals(await Deno.readFile(`${file}.bak`), before);
  }));

Deno.test("crossValidationSplits() leaves a file alone that it cannot replace", () =>
  inFolder(async (file) => {
    await write(file, { totalSamples: 13 });
    const before = await Deno.readFile(file);
    await assertRejects(() => ask(file, { folds: 13 }), UsageError);
    assertEquals(await Deno.readFile(file), before);
    await assertRejects(() => Deno.stat(`${file}.bak`), Deno.errors.NotFound);
  }));

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
  ["a fold without training rows", { folds: [{ train: [], test: [1] }] }, "fold 0 has no training row"],
  [
    "a fold without test rows",
    { folds: [{ train: [1], test: [0] }, { train: [1], test: [] }] },
    "fold 1 has no test row (each fold needs both)",
  ],
  [
    "fewer folds than it says",
    { folds: kFold(12, 3, 9).slice(1) },
    "it has 2 folds, its n_splits is 3 (they must be as many)",
  ],
  [
    "a row that two folds test",
    { folds: [[1, 2], [3, 4], [5, 2]].map((test) => ({ train: [0, 11], test })) },
    "index 2 is in the test rows of folds 0 and 2 (one fold holds a row out, once)",
  ],
  [
    "a row that a fold tests twice",
    { folds: [[1], [3, 3], [5]].map((test) => ({ train: [0, 11], test })) },
    "fold 1, test: index 3 comes twice (one fold holds a row out, once)",
  ],
  ["ids of another number", { perturbations: ["A"] }, "its perturbations are not a list of 12 ids"],
  ["a repeated id", { perturbations: ids.map(() => "A") }, "its perturbations repeat an id"],
];
for (const [what, content, reason] of broken) {
  Deno.test(`crossValidationSplits() refuses a file with ${what}`, () =>
    inFolder(async (file) => {
      await write(file, content);
      const before = await Deno.readFile(file);
      await assertRejects(() => ask(file), DataError, `Cannot read splits "${file}": ${reason}`);
      assertEquals(await Deno.readFile(file), before);
    }));
}

Deno.test("crossValidationSplits() counts and names the rows that no fold holds out", () =>
  inFolder(async (file) => {
    const folds = kFold(12, 3, 9).map(({ train, test }) => ({ train, test: test.filter((row) => row > 1) }));
    await write(file, { folds, perturbations: ids });
    const { result, lines } = await ask(file);
    assertEquals(result.folds, folds);
    assertEquals(lines.slice(-2), [
      "[warn] 2 perturbations of 12 held out by no fold of the splits file: no prediction.",
      "       examples: ['TF0', 'TF1']",
    ]);
  }));

Deno.test("crossValidationSplits() refuses more folds than perturbations", () =>
  inFolder(async (file) => {
    await assertRejects(
      () => ask(file, { folds: 13 }),
      UsageError,
      "Cannot split 12 perturbations into 13 folds",
    );
  }));
