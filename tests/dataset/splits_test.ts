import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { groupKFold } from "../../lib/dataset/group_folds.ts";
import { groupsOfRows, type RowGroups } from "../../lib/dataset/groups.ts";
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

const request = (own: string, change: Partial<SplitsRequest> = {}): SplitsRequest => ({
  ids,
  otherNames: () => [],
  fileOrder: change.ids ?? ids,
  order: "sorted ids",
  folds: 3,
  foldsAsked: false,
  seed: 1,
  named: null,
  shared: `${own}.shared`,
  own,
  groups: null,
  groupFolds: "balanced",
  ...change,
});

const ask = (own: string, change: Partial<SplitsRequest> = {}) =>
  captured(() => crossValidationSplits(request(own, change)));

/** With the file named by the user. */
const askNamed = (named: string, change: Partial<SplitsRequest> = {}) =>
  ask(`${named}.own`, { named, ...change });

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

Deno.test("crossValidationSplits() draws fresh folds, hands them over with ids, and says how to share them", () =>
  inFolder(async (file) => {
    const { result: fresh, lines } = await ask(file);
    assertEquals([fresh.folds, fresh.method, fresh.file], [kFold(12, 3, 1), "3fold", file]);
    assert(lines.some((line) => /in the order of sorted ids.*--cv-splits-file/.test(line)), lines.join("\n"));
    await Deno.writeFile(file, fresh.pickle!);
    assertEquals((await readSplitsFile(file))!.perturbations, ids);
    const { result: again } = await ask(file, { seed: 99 });
    assertEquals(again.folds, fresh.folds);
  }));

Deno.test("crossValidationSplits() saves fresh folds where the user names a file that does not exist", () =>
  inFolder(async (file) => {
    const { result } = await askNamed(file);
    assertEquals([result.file, result.pickle], [file, null]);
    assertEquals((await readSplitsFile(file))!.perturbations, ids);
  }));

Deno.test("crossValidationSplits() finds rows by id in another order", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids });
    const { result } = await askNamed(file, { ids: [...ids].reverse() });
    const expected = kFold(12, 3, 9).map(({ train, test }) => ({
      train: train.map((row) => 11 - row),
      test: test.map((row) => 11 - row),
    }));
    assertEquals(result.folds, expected);
  }));

Deno.test("crossValidationSplits() finds rows by another of their names", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids.map((id) => `ENSG-${id}`) });
    const { result } = await askNamed(file, { otherNames: (id) => [`ENSG-${id}`] });
    assertEquals(result.folds, kFold(12, 3, 9));
  }));

Deno.test("crossValidationSplits() uses a named file of more perturbations by id, whatever its method is called", () =>
  inFolder(async (file) => {
    await write(file, { method: "group5", perturbations: ids });
    const some = ids.filter((_, i) => i !== 3);
    const { result, lines } = await askNamed(file, { ids: some });
    const names = (rows: Iterable<number>) => Array.from(rows, (row) => some[row]);
    const expected = kFold(12, 3, 9).map(({ test }) =>
      Array.from(test, (i) => ids[i]).filter((id) => id !== "TF3")
    );
    assertEquals(result.folds.map(({ test }) => names(test)), expected);
    assertEquals(result.method, "group5");
    assert(
      lines.some((line) => line.includes("1 perturbation of the splits file are not in this run")),
      lines.join("\n"),
    );
  }));

Deno.test("crossValidationSplits() counts a Python file's indices in the targets' file where this run has fewer rows", () =>
  inFolder(async (file) => {
    await write(file, {});
    const some = ids.filter((_, i) => i !== 3);
    const { result } = await askNamed(file, { ids: some, fileOrder: ids });
    const expected = kFold(12, 3, 9).map(({ test }) =>
      Array.from(test, (i) => ids[i]).filter((id) => id !== "TF3")
    );
    assertEquals(result.folds.map(({ test }) => Array.from(test, (row) => some[row])), expected);
  }));

const misfits: [string, Parameters<typeof write>[1], Partial<SplitsRequest>, string][] = [
  [
    "another number of samples and no ids",
    { totalSamples: 13 },
    {},
    "for 13 samples and name none, there are 12",
  ],
  [
    "perturbations that are not there",
    { perturbations: ids.map((id) => `X${id}`) },
    {},
    "(XTF0, XTF1, XTF2, ...)",
  ],
  [
    "a fold whose test rows are all missing here",
    { perturbations: ids, folds: [[0, 1], [2, 3], [4, 5]].map((test) => ({ train: [8, 9], test })) },
    { ids: ids.slice(2) },
    "all perturbations of one side of fold 0 are missing here",
  ],
];
for (const [what, content, change, reason] of misfits) {
  Deno.test(`crossValidationSplits() refuses a named file for ${what}, and leaves it alone`, () =>
    inFolder(async (file) => {
      await write(file, content);
      const before = await Deno.readFile(file);
      await assertRejects(() => askNamed(file, change), DataError, reason);
      assertEquals(await Deno.readFile(file), before);
    }));

  Deno.test(`crossValidationSplits() leaves a file of the data folder aside for ${what}, with a warning`, () =>
    inFolder(async (file) => {
      await write(`${file}.shared`, content);
      const { result, lines } = await ask(file, change);
      assertEquals(result.folds, kFold((change.ids ?? ids).length, 3, 1));
      assert(lines.some((line) => line.startsWith("[warn]") && line.includes(reason)), lines.join("\n"));
    }));
}

Deno.test("crossValidationSplits() takes the number of folds of a named file, unless the user asked for another", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids });
    assertEquals((await askNamed(file, { folds: 5 })).result.folds.length, 3);
    await assertRejects(
      () => askNamed(file, { folds: 5, foldsAsked: true }),
      UsageError,
      "Cannot use --n-folds 5 with --cv-splits-file",
    );
  }));

Deno.test("crossValidationSplits() takes splits that came with the data where they fit", () =>
  inFolder(async (file) => {
    const shared = `${file}.shared`;
    await write(shared, { perturbations: ids });
    const { result } = await ask(file);
    assertEquals([result.folds, result.file, result.pickle], [kFold(12, 3, 9), shared, null]);
    await write(shared, { perturbations: [...ids.slice(1), "X"] });
    const { lines } = await ask(file);
    assert(
      lines.some((line) => line.includes("1 perturbations are in no fold, such as TF0")),
      lines.join("\n"),
    );
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
  [
    "a row that a fold trains on twice",
    { folds: [[1], [3], [5]].map((test) => ({ train: [0, 11, 0], test })) },
    "fold 0, train: index 0 comes twice (it would weigh twice)",
  ],
  ["ids of another number", { perturbations: ["A"] }, "its perturbations are not a list of 12 ids"],
  ["a repeated id", { perturbations: ids.map(() => "A") }, "its perturbations repeat an id"],
];
for (const [what, content, reason] of broken) {
  Deno.test(`crossValidationSplits() refuses a file with ${what}`, () =>
    inFolder(async (file) => {
      await write(file, content);
      const before = await Deno.readFile(file);
      await assertRejects(() => askNamed(file), DataError, `Cannot read splits "${file}": ${reason}`);
      assertEquals(await Deno.readFile(file), before);
    }));
}

Deno.test("crossValidationSplits() counts and names the rows that no fold holds out", () =>
  inFolder(async (file) => {
    const folds = kFold(12, 3, 9).map(({ train, test }) => ({ train, test: test.filter((row) => row > 1) }));
    await write(file, { folds, perturbations: ids });
    const { result, lines } = await askNamed(file);
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

Deno.test("crossValidationSplits() keeps groups together, and looks at no file that was not named", () =>
  inFolder(async (file) => {
    await write(`${file}.shared`, { perturbations: ids });
    const groups = familyOf(ids, ["A", "A", "A", "B", "B", "C", "C", "D", "", "", "", ""]);
    const { result, lines } = await ask(file, { groups });
    assertEquals(result.folds, groupKFold(groups.of, 3));
    assertEquals([result.method, result.groups], ["3fold_group", groups]);
    assert(lines.some((line) => /keep the 8 groups of .* together/.test(line)), lines.join("\n"));
    await Deno.writeFile(file, result.pickle!);
    assertEquals((await askNamed(file, { groups })).result.folds, result.folds);
  }));

Deno.test("crossValidationSplits() refuses a splits file that breaks a group, and names two of its members", () =>
  inFolder(async (file) => {
    await write(file, { perturbations: ids });
    const groups = familyOf(ids, ids.map((_, i) => i < 2 ? "FOX" : ""));
    const { test } = kFold(12, 3, 9).find(({ test }) => test.includes(0))!;
    assert(!test.includes(1));
    const error = await assertRejects(() => askNamed(file, { groups }), DataError);
    assert(/tests TF\d and trains on TF\d, both of group "FOX"/.test(error.message), error.message);
  }));

Deno.test("crossValidationSplits() refuses more folds than groups, and strata that are not there", () =>
  inFolder(async (file) => {
    const two = familyOf(ids, ids.map((_, i) => i < 5 ? "A" : "B"));
    await assertRejects(() => ask(file, { groups: two }), UsageError, "2 groups");
    const own = familyOf(ids, ids.map(() => ""));
    await assertRejects(() => ask(file, { groups: own, groupFolds: "stratified" }), UsageError, `"stratum"`);
  }));

function familyOf(names: string[], groups: string[]): RowGroups {
  const table = { path: "families.csv", head: "tf", ids: names, groups, strata: null };
  return groupsOfRows(table, { ids: names, path: "targets.csv" });
}
