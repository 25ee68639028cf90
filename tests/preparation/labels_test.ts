import { assert, assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import type { AnnotationTable } from "../../lib/io/h5ad_frame.ts";
import { chooseControls } from "../../lib/preparation/controls.ts";
import { genesOfGuides, isControlWord, joinedGenes, meaningOf } from "../../lib/preparation/labels.ts";
import { perturbationColumn } from "../../lib/preparation/perturbation_column.ts";

const genes = new Set(["TP53", "AATF", "NT5E", "SAFB", "CTRL", "NTCP", "HLA-A", "NKX2-1"]);
const isGene = (label: string) => genes.has(label);

Deno.test("labels that data sets give to controls are known, and genes are none", () => {
  for (
    const label of [
      ..."control ctrl Ctrl CTRL_1 neg_ctrl negative-control NTC ntc_12 NT nt-3 non-targeting non_targeting_00042"
        .split(" "),
      ..."non-target nontargeting Non-Targeting_3 NegCtrl0 safe-targeting scrambled_1 control-12".split(" "),
    ]
  ) assert(isControlWord(label), label);
  for (const label of ["TP53", "NT5E", "SAFB", "NTCP", "off-target", "ENTPD1", "AATF+ctrl", "WT1", "NTRK1"]) {
    assert(label === "AATF+ctrl" || !isControlWord(label), label);
  }
});

Deno.test("combined labels lose their controls", () => {
  const meaning = (label: string) => meaningOf(label, isControlWord);
  assertEquals(meaning("TP53+ctrl"), { kind: "perturbation", name: "TP53", isCombination: false });
  assertEquals(meaning("ctrl+TP53"), { kind: "perturbation", name: "TP53", isCombination: false });
  assertEquals(meaning("TP53|AATF"), { kind: "perturbation", name: "TP53+AATF", isCombination: true });
  assertEquals(meaning("TP53|TP53"), { kind: "perturbation", name: "TP53", isCombination: false });
  assertEquals(meaning("ctrl+ctrl"), { kind: "control" });
  assertEquals(meaning("NKX2-1"), { kind: "perturbation", name: "NKX2-1", isCombination: false });
});

Deno.test("labels of guides are cut to their genes only where most labels are guides", () => {
  const cut = (labels: string[]) => genesOfGuides(labels, isGene, isControlWord);
  assertEquals(
    cut(["AATF_GCGCGGTTACCGTAAGCTA", "TP53-2", "NKX2-1_2", "NEW1_ACGTACGTACGTACGTACGT", "ctrl_1"]),
    new Map([["AATF_GCGCGGTTACCGTAAGCTA", "AATF"], ["TP53-2", "TP53"], ["NKX2-1_2", "NKX2-1"], [
      "NEW1_ACGTACGTACGTACGTACGT",
      "NEW1",
    ]]),
  );
  assertEquals(cut(["TP53", "AATF", "NKX2-1", "HLA-A", "OLD-1"]), null);
  assertEquals(cut(["cluster_1", "cluster_2"]), null);
});

Deno.test("genes joined by _ are told from guides", () => {
  const labels = ["AATF_TP53", "AATF_ctrl", "TP53_GCGCGGTTACCGTAAGCTA", "TP53", "ctrl_1", "HLA-A_x"];
  assertEquals(
    joinedGenes(labels, isGene, isControlWord),
    new Map([["AATF_TP53", "AATF+TP53"], ["AATF_ctrl", "AATF+ctrl"]]),
  );
});

const table = (columns: Record<string, (string | null)[]>): AnnotationTable => ({
  index: Object.values(columns)[0].map((_, i) => `row${i}`),
  indexName: "guide_identity",
  columns: new Map(
    Object.entries(columns).map((
      [name, values],
    ) => [name, { kind: "text" as const, values, categories: null }]),
  ),
});

Deno.test("the perturbation column is found by name, then by its genes, then named by the user", () => {
  const of = (columns: Record<string, string[]>, asked: string | null = null) =>
    perturbationColumn(table(columns), "x.h5ad", asked, isGene).name;
  assertEquals(
    of({ batch: ["a", "b"], target_gene: ["TP53", "x"], perturbation: ["A", "B"] }),
    "perturbation",
  );
  assertEquals(of({ batch: ["a", "b"], Condition: ["TP53", "AATF"] }), "Condition");
  assertEquals(of({ batch: ["a", "b"], what: ["TP53", "AATF"] }), "what");
  assertEquals(of({ batch: ["a", "b"] }, "guide_identity"), "guide_identity");
  assertThrows(
    () => of({ batch: ["a", "b"] }),
    DataError,
    "no column of obs can be told to name the perturbations",
  );
  assertThrows(() => of({ batch: ["a", "b"] }, "tf"), DataError, "its columns are batch");
});

Deno.test("controls: by word, by name in any case, by the original's words, and an error that shows the labels", () => {
  const counts = new Map([["TP53", 3], ["off-target", 9], ["AATF+NT", 1]]);
  const choose = (labels: string[] | null, compat = false, kind: "all-mean" | null = null) =>
    chooseControls({ kind, labels, compat }, counts, table({ a: ["x"] }), "x.h5ad");
  assertThrows(() => choose(null), DataError, '(labels: "off-target" 9, "TP53" 3');
  assert(choose(["Off-Target"]).isControl("off-target"));
  assert(choose(["NT"]).isControl("NT"));
  assertThrows(() => choose(["scrambled"]), DataError, 'no row has the control label "scrambled"');
  assertEquals(choose(null, true).kind, "all-mean");
  assertThrows(
    () => choose(["NT"], false, "all-mean"),
    Error,
    "Cannot use --control-label with --control all-mean",
  );
});
