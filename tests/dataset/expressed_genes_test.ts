import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { expressedGenes } from "../../lib/dataset/expressed_genes.ts";
import { main as lel } from "../../scripts/hs27_lel.ts";
import { captured } from "../support/captured_log.ts";
import { writeOwnScreen } from "../support/own_screen.ts";
import { inFolder } from "../support/temporary_folder.ts";

const genes = Array.from({ length: 1200 }, (_, i) => `ENSG${String(i).padStart(11, "0")}`);

Deno.test("expressedGenes() takes the 1,000 genes of highest mean, by id or name, in the order of the targets", () =>
  inFolder(async (folder) => {
    const targets = join(folder, "targets.csv"),
      write = (text: string) => Deno.writeTextFile(join(folder, "gene_expression.csv"), text);
    assertEquals(await expressedGenes(targets, genes), null);
    const lines = genes.toReversed().map((id, i) => `${id}.7,NAME${1199 - i},${1199 - i}`);
    await write(["gene_id,gene_name,mean", ...lines, "ENSG9,OTHER,1e9"].join("\n"));
    const upper = Array.from({ length: 1000 }, (_, i) => 200 + i);
    assertEquals((await expressedGenes(targets, genes))?.columns, upper);
    assertEquals((await expressedGenes(targets, ["NAME7", "x", "NAME3"]))?.columns, [0, 2]);
    const { result, lines: told } = await captured(() => expressedGenes(targets, ["x"]));
    assert(result === null && told[0].includes("No read-out gene"), told[0]);
  }));

Deno.test("expressedGenes() says where a table is wrong", () =>
  inFolder(async (folder) => {
    const targets = join(folder, "targets.csv"), path = join(folder, "gene_expression.csv");
    await Deno.writeTextFile(path, "gene_id,mean\nA,1\nB,high\n");
    await assertRejects(() => expressedGenes(targets, ["A"]), DataError, 'row 3, column "mean": "high"');
    await Deno.writeTextFile(path, "gene,mean\nA,1\n");
    await assertRejects(() => expressedGenes(targets, ["A"]), DataError, 'no column "gene_id"');
  }));

Deno.test("summary.json has the error ratio over expressed genes where gene_expression.csv lies beside the targets", () =>
  inFolder(async (folder) => {
    const screen = await writeOwnScreen(folder);
    const lines = screen.genes.slice(10, 30).map((gene, i) => `${gene},,${i}`);
    await Deno.writeTextFile(
      join(folder, "gene_expression.csv"),
      ["gene_id,gene_name,mean", ...lines].join("\n"),
    );
    await captured(() => lel(["--targets", screen.targets, "--output-dir", folder, "--plot-format", "svg"]));
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "linear_pca", "summary.json")));
    const { error_ratio: all, error_ratio_expressed: some } = summary.evaluation;
    assertEquals(some.n_genes, 20);
    assert(some.mean !== all.mean && some.ci_lower < some.mean && some.mean < some.ci_upper);
    const inputs = summary.provenance.inputs.map(({ path }: { path: string }) => path);
    assert(inputs.includes(join(folder, "gene_expression.csv")), inputs.join());
  }));
