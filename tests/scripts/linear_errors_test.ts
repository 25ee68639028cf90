/** Bad input to the linear scripts: one sentence that names the file and the place in it. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { main as lelEmbed } from "../../scripts/lel_embed.ts";
import { main as hs27Lel } from "../../scripts/hs27_lel.ts";
import { captured } from "../support/captured_log.ts";
import { DatasetCopy } from "../support/dataset_copy.ts";

const overlap = "data/artifacts/targets_377_overlap.csv";

/** Run a script on a damaged copy of a data set; it must fail with a one-line message of the given kind. */
async function failure(
  damage: (data: DatasetCopy) => unknown,
  kind: typeof DataError | typeof UsageError,
  options: { main?: typeof hs27Lel; flags?: (data: DatasetCopy) => string[] } = {},
): Promise<string> {
  await using data = await DatasetCopy.of("s");
  await damage(data);
  const { main = hs27Lel, flags } = options;
  const usual = ["--repo-root", data.repoRoot, "--output-dir", data.path("out"), "--plot-format", "svg"];
  const args = [...usual, ...flags?.(data) ?? []];
  const error = await assertRejects(() => captured(() => main(args)), kind);
  assertEquals(error.message.includes("\n"), false, error.message);
  return error.message.replaceAll(data.root, "DATA");
}

/** Fields of the csv line `row` (from 1, as in a spreadsheet), changed. */
function changeCell(text: string, row: number, column: number, value: string): string {
  const lines = text.split("\n"), cells = lines[row - 1].split(",");
  cells[column] = value;
  lines[row - 1] = cells.join(",");
  return lines.join("\n");
}

const nothing = () => {};

Deno.test("a repo root that does not exist is named, with what is wanted", async () => {
  const message = await failure(nothing, DataError, { flags: () => ["--repo-root", "/no/such/place"] });
  assertEquals(
    message,
    `Cannot find the data: there is no folder "/no/such/place" (--data-dir names the folder that holds artifacts/, or whose data/ does)`,
  );
});

Deno.test("a repo root without artifacts/ tells both places that were looked at", async () => {
  const message = await failure(nothing, DataError, {
    flags: (data) => ["--repo-root", data.path("NT-v2-50M")],
  });
  assertStringIncludes(
    message,
    `neither "DATA/NT-v2-50M/artifacts" nor "DATA/NT-v2-50M/data/artifacts" is a folder`,
  );
});

Deno.test("a missing targets file is named", async () => {
  const message = await failure((data) => Deno.remove(data.targets), DataError);
  assertStringIncludes(message, `Cannot read "DATA/${overlap}"`);
});

Deno.test("targets without a gene column", async () => {
  const onlyIds = (text: string) => text.split("\n").map((line) => line.split(",")[0]).join("\n");
  const message = await failure((data) => data.edit(overlap, onlyIds), DataError, {
    flags: (data) => ["--targets", data.targets],
  });
  assertStringIncludes(message, `Cannot use targets "DATA/${overlap}": there is no gene column`);
});

Deno.test("targets without a row", async () => {
  const message = await failure(
    (data) => data.edit(overlap, (text) => text.split("\n")[0] + "\n"),
    DataError,
  );
  assertStringIncludes(message, `"DATA/${overlap}": there is no row below the header`);
});

Deno.test("an empty targets file", async () => {
  const message = await failure((data) => data.edit(overlap, () => ""), DataError);
  assertStringIncludes(message, `Cannot read "DATA/${overlap}"`);
});

Deno.test("genes of the gene index that the targets lack are counted and named", async () => {
  const message = await failure(
    (data) => data.edit("data/artifacts/gene_index.txt", (text) => `ENSG_A\n${text}ENSG_B\n`),
    DataError,
  );
  assertStringIncludes(
    message,
    `"DATA/${overlap}": 2 of the 112 genes of the gene index have no column there (ENSG_A, ENSG_B)`,
  );
});

Deno.test("an empty gene index", async () => {
  const message = await failure((data) => data.edit("data/artifacts/gene_index.txt", () => "\n"), DataError);
  assertStringIncludes(message, `Cannot read "DATA/data/artifacts/gene_index.txt": it holds no id`);
});

Deno.test("text in a number cell is told with row and column", async () => {
  let column = "";
  const message = await failure(
    (data) =>
      data.edit(overlap, (text) => {
        column = text.split("\n")[0].split(",")[7];
        return changeCell(text, 12, 7, "n/d");
      }),
    DataError,
  );
  assertStringIncludes(message, `row 12, column "${column}": "n/d" is not a number`);
});

Deno.test("a row that is cut short is told by its number", async () => {
  const cut = (text: string) =>
    text.split("\n").map((line, i) => i === 4 ? line.slice(0, 60) : line).join("\n");
  const message = await failure((data) => data.edit(overlap, cut), DataError);
  assertMatch(message, /row 5/);
});

Deno.test("ids and embedding rows that differ in number", async () => {
  const message = await failure(
    (data) =>
      Deno.writeFile(data.path("NT-v2-50M/NTv2_50m_tf_ids.npy"), encodeNpy({ shape: [2], data: ["A", "B"] })),
    DataError,
    { main: lelEmbed },
  );
  assertMatch(
    message,
    /NTv2_50m_tf_embeddings.npy" has \d+ rows, "DATA\/NT-v2-50M\/NTv2_50m_tf_ids.npy" has 2 ids/,
  );
});

Deno.test("a truncated .npy file", async () => {
  const path = "NT-v2-50M/NTv2_50m_gene_embeddings.npy";
  const message = await failure(
    async (data) => {
      const bytes = await Deno.readFile(data.path(path));
      await Deno.writeFile(data.path(path), bytes.subarray(0, bytes.length - 100));
    },
    DataError,
    { main: lelEmbed },
  );
  assertMatch(
    message,
    new RegExp(`Cannot read "DATA/${path}": it holds \\d+ bytes of data, its header says \\d+`),
  );
});

Deno.test("a file that is no .npy file", async () => {
  const path = "NT-v2-50M/NTv2_50m_gene_embeddings.npy";
  const message = await failure(
    (data) =>
      Deno.writeTextFile(data.path(path), "<html>404: not found, said in a page of some length</html>"),
    DataError,
    { main: lelEmbed },
  );
  assertStringIncludes(message, `Cannot read "DATA/${path}"`);
});

Deno.test("an embedding that is not finite is told by its id", async () => {
  const path = "NT-v2-50M/NTv2_50m_gene_embeddings.npy";
  const message = await failure(
    async (data) => {
      const bytes = await Deno.readFile(data.path(path));
      bytes.set([0, 0, 0xc0, 0x7f], bytes.length - 4);
      await Deno.writeFile(data.path(path), bytes);
    },
    DataError,
    { main: lelEmbed },
  );
  assertMatch(message, /row 109 \(ENSG\d+\) holds a value that is not finite/);
});

Deno.test("a splits file with a foreign class runs nothing and names the class", async () => {
  // pickle.dumps of an object whose __reduce__ is (os.system, ("touch pwned",)), protocol 2
  const pickle = "\x80\x02cposix\nsystem\nX\x0b\x00\x00\x00touch pwned\x85R.";
  const message = await failure(
    (data) => Deno.writeFile(data.path("cv.pkl"), Uint8Array.from(pickle, (c) => c.charCodeAt(0))),
    DataError,
    { flags: (data) => ["--cv-splits-file", data.path("cv.pkl")] },
  );
  assertStringIncludes(message, `"DATA/cv.pkl"`);
  assertStringIncludes(message, "posix.system");
});

Deno.test("no TF in common", async () => {
  const strangers = (text: string) =>
    text.split("\n").map((line, i) => i > 0 && line ? line.replace(/^[^,]*/, `STRANGER${i}`) : line).join(
      "\n",
    );
  const message = await failure((data) => data.edit(overlap, strangers), DataError, { main: lelEmbed });
  assertStringIncludes(
    message,
    `Cannot match perturbations: none of the 48 ids of "DATA/${overlap}" (STRANGER1, ...) is in ` +
      `"DATA/NT-v2-50M/NTv2_50m_tf_ids.npy"`,
  );
});

Deno.test("read-out genes without an embedding are counted, five are named", async () => {
  const message = await failure(
    async (data) => {
      await data.edit("data/artifacts/gene_index.txt", (text) => text.replaceAll("ENSG", "ensg_"));
      await data.edit(overlap, (text) => text.replaceAll("ENSG", "ensg_"));
    },
    DataError,
    { main: lelEmbed },
  );
  assertMatch(
    message,
    /^Cannot use the gene embeddings: 110 of 110 read-out genes are not in ".*gene_ids.npy" \((ensg_\d+, ){5}\.\.\.\)$/,
  );
});

Deno.test("an NT folder that is nowhere", async () => {
  const message = await failure(nothing, DataError, {
    main: lelEmbed,
    flags: () => ["--ntv2-dir", "no-such-folder"],
  });
  assertStringIncludes(message, `Cannot find the embeddings: there is no folder "no-such-folder"`);
});

Deno.test("an output folder that cannot be written", async () => {
  const message = await failure(
    (data) => Deno.writeTextFile(data.path("file"), ""),
    DataError,
    { flags: (data) => ["--output-dir", data.path("file")] },
  );
  assertMatch(
    message,
    /^Cannot write .* into folder "DATA\/file\/linear_pca": .* \(--output-dir names another place for results\)$/,
  );
});

for (
  const [flags, message] of [
    [["--k-components", "0"], "Cannot use --k-components 0: it must be at least 1"],
    [["--lambda-ridge", "-1"], "Cannot use --lambda-ridge -1: it must be at least 0"],
    [["--lambda-ridge", "much"], "Cannot use --lambda-ridge much: it must be a number"],
    [["--seed", "1.5"], "Cannot use --seed 1.5: it must be a whole number"],
    [["--lamda-ridge", "1"], "Unknown flag --lamda-ridge. Did you mean --lambda-ridge?"],
    [
      ["--plot-limits", "1", "-1"],
      "Cannot use --plot-limits 1 -1: give the lower and the upper end, such as -1 1",
    ],
    [["--bootstrap"], "Flag --bootstrap needs a value, such as --bootstrap 200"],
    [["--plot-format", "gif"], `Cannot use --plot-format "gif": choose one of png, svg`],
    [["--model-name", "a/b"], `Cannot use --model-name "a/b": it names a folder, without slashes`],
    [
      ["--max-perturbations", "3"],
      "Cannot split 3 perturbations into 5 folds: at least one a fold is needed",
    ],
    [["my-data"], `Cannot use "my-data": flags start with two dashes (see --help)`],
  ] as const
) {
  Deno.test(`${flags.join(" ")} is refused: ${message}`, async () => {
    assertEquals(await failure(nothing, UsageError, { flags: () => [...flags] }), message);
  });
}

Deno.test("a splits file that was named and does not fit stops the run, and stays as it is", async () => {
  await using data = await DatasetCopy.of("s");
  const splits = data.path("data/artifacts/cv_splits_5fold_42.pkl"), before = await Deno.readFile(splits);
  await data.edit(overlap, (text) => text.split("\n").slice(0, 31).join("\n") + "\n");
  const flags = ["--data-dir", data.root, "--output-dir", data.path("out"), "--plot-format", "svg"];
  await assertRejects(
    () => captured(() => hs27Lel([...flags, "--cv-splits-file", splits])),
    DataError,
    "they are for 48 samples and name none, there are 30",
  );
  assertEquals(await Deno.readFile(splits), before);
});
