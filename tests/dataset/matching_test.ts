import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { withoutVersion } from "../../lib/dataset/gene_ids.ts";
import { matchedRows, matchIds, reportMatches, requireAll } from "../../lib/dataset/matching.ts";
import { readTfSequences } from "../../lib/dataset/tf_sequences.ts";
import { captured } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const wanted = (...ids: string[]) => ({ ids, what: "TF", path: "targets.csv" });
const known = (...ids: string[]) => ({ ids, path: "ids.txt" });
/** Nine ids of six digits that have nothing in common with others of this file. */
const numbered = (prefix: string, count: number, start = 0) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(start + i).padStart(9, "0")}`);

Deno.test("matchIds() finds ids as written, in any case, without versions on either side, and by other names", () => {
  const names: Record<string, string[]> = { TP53: ["ENSG00000141510"], MYC: [] };
  const matches = matchIds(
    {
      ...wanted("ENSG000001", "ensg000002", "ENSG000003.4", "ENSG000004", "TP53", "MYC", "HLA.A"),
      otherNames: (id) => names[id] ?? [],
    },
    known("ENSG00000141510.17", "ENSG000004.12", "ENSG000003", "ENSG000002", "ENSG000001", "HLA"),
  );
  assertEquals([...matches.rows], [4, 3, 2, 1, 0, -1, -1]);
  assertEquals(matches.unmatched, ["MYC", "HLA.A"]);
  assertEquals(matches.how, { exact: 1, case: 1, version: 2, otherName: 1 });
  assertEquals(matches.ambiguous, []);
});

Deno.test("matchIds() prefers the id as written, and the first of ids that only case or version tell apart", () => {
  const matches = matchIds(
    wanted("abc", "ABC", "Abc", "ENSG000001.2", "ENSG000001.9"),
    known("ENSG000001.1", "ABC", "abc", "ENSG000001.2"),
  );
  assertEquals([...matches.rows], [2, 1, 1, 3, 0]);
  assertEquals(matches.ambiguous, ["Abc", "ENSG000001.9"]);
});

Deno.test("matchIds() tells cases apart where asked, versions aside", () => {
  const rules = { anyCase: false };
  const matches = matchIds(
    wanted("abc", "ABC", "ENSG000001.2", "ensg000001"),
    known("ABC", "ENSG000001"),
    rules,
  );
  assertEquals([...matches.rows], [-1, 0, 1, -1]);
  assertEquals(matches.how, { exact: 1, case: 0, version: 1, otherName: 0 });
});

Deno.test("withoutVersion() leaves symbols alone, and keeps what tells the copy on Y", () => {
  for (
    const [id, expected] of [
      ["ENSG00000141510.17", "ENSG00000141510"],
      ["ensmusg00000059552.14", "ensmusg00000059552"],
      ["ENST00000269305.9", "ENST00000269305"],
      ["ENSG00000182378.15_PAR_Y", "ENSG00000182378_PAR_Y"],
      ["HLA.A", "HLA.A"],
      ["RP11-34P13.7", "RP11-34P13.7"],
      ["ENSA.1", "ENSA.1"],
      ["AC004556.1", "AC004556.1"],
      ["Y74C9A.3", "Y74C9A.3"],
    ]
  ) assertEquals(withoutVersion(id), expected);
});

Deno.test("The copy of a gene on Y takes its own row, else that of the gene on X, and never the other way round", () => {
  const [x, y] = ["ENSG00000182378.15", "ENSG00000182378.15_PAR_Y"];
  assertEquals([...matchIds(wanted("ENSG00000182378", y), known(y, x)).rows], [1, 0]);
  assertEquals([...matchIds(wanted(y), known("ENSG00000182378")).rows], [0]);
  assertEquals([...matchIds(wanted("ENSG00000182378"), known(y)).rows], [-1]);
});

/** What reportMatches() throws. */
const refusal = (mine: string[], theirs: string[]): string => {
  const [one, other] = [wanted(...mine), known(...theirs)];
  return assertThrows(() => reportMatches(matchIds(one, other), one, other, "left out"), DataError).message;
};

Deno.test("reportMatches() refuses when nothing matched, with an example of each side and the likely reason", () => {
  const human = numbered("ENSG00", 3), mouse = numbered("ENSMUSG00", 3), symbols = ["TP53", "MYC", "SOX2"];
  const start = 'Cannot match TFs: none of the 3 ids of "targets.csv" ';
  assertEquals(
    refusal(human, symbols),
    `${start}(${human[0]}, ...) is in "ids.txt" (TP53, ...). Are these gene symbols?`,
  );
  assertEquals(
    refusal(symbols, human),
    `${start}(TP53, ...) is in "ids.txt" (${human[0]}, ...). Are these gene symbols?`,
  );
  assertEquals(
    refusal(human, mouse),
    `${start}(${human[0]}, ...) is in "ids.txt" (${
      mouse[0]
    }, ...). Are these genes of two species (ENSG and ENSMUSG)?`,
  );
  assertEquals(
    refusal(["0", "1", "2"], symbols),
    `${start}(0, ...) is in "ids.txt" (TP53, ...). Are 0, 1, 2 row numbers in place of ids?`,
  );
  assertEquals(
    refusal(symbols, ["1", "2", "3"]).endsWith("Are 1, 2, 3 row numbers in place of ids?"),
    true,
  );
  assertEquals(
    refusal(human.map((id) => `"${id}"`), human).endsWith(`Is there more than the id in ""${human[0]}""?`),
    true,
  );
  assertEquals(
    refusal(human.map((id, i) => `${id}|${symbols[i]}`), human).endsWith(
      `Is there more than the id in "${human[0]}|TP53"?`,
    ),
    true,
  );
  assertEquals(
    refusal(numbered("ENST00", 3), human).endsWith(
      "Are these transcripts on one side and genes on the other?",
    ),
    true,
  );
  assertEquals(refusal(["a", "b", "c"], ["d"]), `${start}(a, ...) is in "ids.txt" (d)`);
  assertEquals(refusal(["a", "b", "c"], []), `${start}(a, ...) is in "ids.txt" (which is empty)`);
});

Deno.test("An id in a message is one short line", () => {
  const message = refusal(["A\nB".repeat(1000), "x"], ["y"]);
  assertEquals(message.includes("\n"), false);
  assertEquals(message.length < 200, true);
});

const reported = async (mine: ReturnType<typeof wanted>, theirs: ReturnType<typeof known>) =>
  (await captured(() => reportMatches(matchIds(mine, theirs), mine, theirs, "left out"))).lines;

Deno.test("reportMatches() names five ids that are not there, and where they are more than half the likely reason", async () => {
  const mine = wanted("A", "B", ...numbered("ENSG00", 7)), theirs = known("A", "B", "C");
  const examples = mine.ids.slice(2, 7).map((id) => `'${id}'`).join(", ");
  assertEquals(await reported(mine, theirs), [
    '[warn] 7 TFs (more than half, 7 of 9) are not in "ids.txt": left out. Are these gene symbols?',
    `       examples: [${examples}]`,
  ]);
  assertEquals(await reported(wanted("A", "B", "x".repeat(50)), theirs), [
    '[warn] 1 TF (1 of 3) is not in "ids.txt": left out.',
    `       examples: ['${"x".repeat(37)}...']`,
  ]);
  assertEquals(await reported(wanted("A", "c"), theirs), []);
});

Deno.test("reportMatches() says what translates symbols, where other names are looked for", () => {
  const mine = { ...wanted("TP53", "MYC"), otherNames: () => [] }, theirs = known(...numbered("ENSG00", 3));
  assertThrows(
    () => reportMatches(matchIds(mine, theirs), mine, theirs, "left out"),
    DataError,
    "Are these gene symbols? A table with gene_name and gene_id translates (--tf-seq-csv)",
  );
});

Deno.test("reportMatches() blames no symbols that were translated: their genes are not there", async () => {
  const mine = { ...wanted("TP53", "MYC", "GATA1"), otherNames: (id: string) => [`ENSG0${id.length}`] };
  assertEquals(
    (await reported(mine, known("ENSG05", "ENSG09")))[0],
    '[warn] 2 TFs (more than half, 2 of 3) are not in "ids.txt": left out.',
  );
});

Deno.test("matchedRows() gives the positions of what was found on both sides", () => {
  const matches = matchIds({ ids: ["A", "B", "C"] }, { ids: ["C", "x", "A"] });
  assertEquals(matchedRows(matches), { wanted: [0, 2], known: [2, 0] });
});

Deno.test("reportMatches() says that versions were ignored, and that an id could be several", async () => {
  const mine = wanted("ENSG000001.2", "ENSG000002.2"),
    theirs = known("ENSG000001.1", "ENSG000002", "ENSG000001.7");
  assertEquals(await reported(mine, theirs), [
    '[info] Ensembl versions are ignored: 2 TFs of "targets.csv" found in "ids.txt" without them.',
    '[warn] 1 TF of "targets.csv" could be several ids of "ids.txt", the first of each is taken (ENSG000001.2).',
  ]);
});

Deno.test("requireAll() counts what is not there and names five", () => {
  const mine = { ...wanted("A", ..."bcdefgh"), what: "read-out gene" }, theirs = known("A");
  assertThrows(
    () => requireAll(matchIds(mine, theirs), mine, theirs, "use the gene embeddings"),
    DataError,
    'Cannot use the gene embeddings: 7 of 8 read-out genes are not in "ids.txt" (b, c, d, e, f, ...)',
  );
});

Deno.test("TFs named by symbol or id find read-out genes with Ensembl versions, and the other way round", () =>
  inFolder(async (folder) => {
    const ids = numbered("ENSG90", 4), path = `${folder}/tf_sequences.csv`;
    const table = (version: string) =>
      "gene_name,gene_id\n" + ids.map((id, i) => `Sym${i},${id}${version}`).join("\n") + "\n";
    for (const version of ["", ".3"]) {
      await Deno.writeTextFile(path, table(version));
      const names = await readTfSequences(path);
      const versioned = ids.map((id, i) => `${id}.${i + 1}`);
      const rows = (
        tfs: string[],
        genes: string[],
      ) => [...matchIds({ ids: tfs, otherNames: names.otherNames }, { ids: genes }).rows];
      assertEquals(rows(["SYM2", "sym0", "none"], versioned), [2, 0, -1]);
      assertEquals(rows(["SYM2", `${ids[1]}.77`], ids), [2, 1]);
      assertEquals(rows([`${ids[1]}.77`], ["SYM1"]), [0]);
      assertEquals(names.otherNames(`${ids[3]}.9`), ["Sym3"]);
    }
  }));
