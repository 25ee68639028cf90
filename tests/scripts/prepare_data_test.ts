/** prepare_data.ts beside pandas, scanpy and scipy (tests/fixtures/preparation/make_published.py), and its refusals. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { readCsvTable } from "../../lib/io/csv.ts";
import { openH5ad } from "../../lib/io/h5ad.ts";
import { readParquetFrame } from "../../lib/io/parquet.ts";
import { main } from "../../scripts/prepare_data.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { inFolder } from "../support/temporary_folder.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/preparation");
const cells = join(fixtures, "cells.h5ad"), published = join(fixtures, "published.h5ad");
const genome = ["--gtf", join(fixtures, "published.gtf.gz"), "--genome", join(fixtures, "published.fa.gz")];

const run = (...args: string[]) => linesPrinted(() => main(args));
const artifact = (folder: string, name: string) => join(folder, "data/artifacts", name);

/** Numbers of a CSV by row and column name. */
async function tableOf(path: string): Promise<Map<string, Map<string, string>>> {
  const { header, rows } = await readCsvTable(path);
  return new Map(rows.map((row) => [row[0], new Map(header.map((name, at) => [name, row[at]]))]));
}

/** Every number that Python wrote stands here too; ours may have more columns. @param tolerance absolute */
async function assertTable(path: string, expected: string, tolerance: number): Promise<void> {
  const ours = await tableOf(path), theirs = await tableOf(join(fixtures, expected));
  assertEquals([...ours.keys()], [...theirs.keys()]);
  for (const [row, values] of theirs) {
    for (const [column, value] of values) {
      const found = ours.get(row)!.get(column);
      if (Number.isNaN(Number(value))) assertEquals(found, value, `${row} ${column}`);
      else if (value === "") assertEquals(found, "", `${row} ${column}`);
      else assertAlmostEquals(Number(found), Number(value), tolerance, `${row} ${column}`);
    }
  }
}

Deno.test("--compat gives what the original's steps give: ids, order, sequences to the letter, values to 1e-6", async () => {
  await inFolder(async (parent) => {
    const folder = join(parent, "my data");
    const lines = await run("--h5ad", published, ...genome, "--compat", "--output", folder);
    assertStringIncludes(lines.join("\n"), "the mean of all rows, as the original did without saying so");
    // pandas adds float32 in float32: 1e-6 is what that costs.
    await assertTable(artifact(folder, "targets_377.csv"), "published_targets.csv", 1e-6);
    const ours = await readCsvTable(artifact(folder, "targets_377.csv"));
    const theirs = await readCsvTable(join(fixtures, "published_targets.csv"));
    assertEquals(ours.header, theirs.header);
    const index = (await Deno.readTextFile(artifact(folder, "gene_index.txt"))).trimEnd().split("\n");
    assertEquals(index, ours.header.slice(2));

    const sequences = await readCsvTable(join(folder, "data/tf_sequences.csv"));
    const expected = await readCsvTable(join(fixtures, "published_sequences.csv"));
    assertEquals(sequences.header, ["gene_name", "gene_id", "chrom", "tss", "strand", "sequence"]);
    const found = await Promise.all(sequences.rows.map(async ([name, id, , tss, , letters]) => {
      const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(letters));
      return [name, id, tss, new Uint8Array(hash).toHex()];
    }));
    assertEquals(found, expected.rows);

    const overlap = await readCsvTable(join(folder, "data/tf_sequences_12kb_overlap.csv"));
    assertEquals(overlap.rows.map(([id]) => id), ours.rows.map(([, id]) => id));
    assertEquals(
      (await readCsvTable(join(folder, "data/gene_sequences.csv"))).rows.map(([, id]) => id),
      index,
    );
    const record = JSON.parse(await Deno.readTextFile(join(folder, "prepare.json")));
    assertEquals(record.not_found, ["OLD1", "off-target"]);
    assertEquals(record.counts.genes_without_sequence, 1);
    assertEquals(record.choices.control.way, "all-mean");
  });
});

Deno.test("counts of cells become what scanpy and pandas make of them, by rows or columns", async () => {
  for (const layer of ["X", "columns"]) {
    await inFolder(async (folder) => {
      const lines = await run("--h5ad", cells, "--layer", layer, "--output", folder);
      assertStringIncludes(lines.join("\n"), "normalisation: log1p-cpm, target sum 10000");
      // scanpy's float32 logarithms are good to 1e-6 of values up to 9.
      await assertTable(artifact(folder, "targets_377.csv"), "cells_sum_mean.csv", 3e-6);
      const expression = await readCsvTable(artifact(folder, "gene_expression.csv"));
      const expected = await readCsvTable(join(fixtures, "cells_expression.csv"));
      expected.rows.forEach(([id, mean], i) => {
        assertEquals(expression.rows[i][0], id);
        assertAlmostEquals(Number(expression.rows[i][2]), Number(mean), 3e-6);
      });
      const { index, columns, values } = await readParquetFrame(artifact(folder, "de_genes.parquet"));
      const welch = await tableOf(join(fixtures, "cells_welch.csv"));
      index.forEach((tf, row) =>
        columns.forEach((gene, column) => {
          const p = Number(welch.get(tf)!.get(gene));
          // Values differ by 1e-7 of themselves, p by some times that.
          assertAlmostEquals(values.data[row * columns.length + column], p, 1e-5, `${tf} ${gene}`);
        })
      );
    });
  }
});

for (
  const [name, flags, expected] of [
    ["the median total", ["--target-sum", "median"], "cells_median_total_mean.csv"],
    ["medians", ["--aggregate", "median"], "cells_sum_median.csv"],
    [
      "medians of the median total",
      ["--aggregate", "median", "--target-sum", "median"],
      "cells_median_total_median.csv",
    ],
    ["z-scores", ["--effect", "zscore"], "cells_zscore.csv"],
  ] as const
) {
  Deno.test(`${name}: as scanpy and pandas`, async () => {
    for (const layer of ["X", "columns"]) {
      await inFolder(async (folder) => {
        await run("--h5ad", cells, "--layer", layer, "--output", folder, ...flags);
        // z-scores are some standard deviations: 1e-5 of scanpy's float32 logarithms.
        await assertTable(artifact(folder, "targets_377.csv"), expected, 1e-5);
      });
    }
  });
}

Deno.test("the layer of adjusted p, halves, own genes and splits", async () => {
  await inFolder(async (folder) => {
    const control = ["--control-label", "off-target", "--own-gene", "nan", "--n-folds", "2"];
    await run("--h5ad", published, ...genome, "--output", folder, ...control);
    const targets = await tableOf(artifact(folder, "targets.csv"));
    assert(!targets.has("off-target"));
    for (const values of targets.values()) {
      const own = values.get(values.get("gene_id")!);
      if (own !== undefined && values.get("gene_id") !== values.get("gene_name")) assertEquals(own, "");
    }
    const de = await readParquetFrame(artifact(folder, "de_genes.parquet"));
    assertEquals(de.index, [...targets.keys()]);
    assert(de.values.data.every((p) => p >= 0 && p <= 1));
    const halves = await Promise.all(
      ["a", "b"].map((half) => readParquetFrame(artifact(folder, `targets_half_${half}.parquet`))),
    );
    assertEquals(halves[0].columns, de.columns);
    assert(halves[0].values.data.some((value, at) => value !== halves[1].values.data[at]));
    const splits = await readSplitsFile(artifact(folder, "cv_splits_2fold_42.pkl"));
    const readOut = await readCsvTable(artifact(folder, "targets_377.csv"));
    assertEquals(splits!.perturbations, readOut.rows.map(([, id]) => id));
  });
});

Deno.test("guides weighted by cells, active ones, those with enough cells", async () => {
  await inFolder(async (folder) => {
    const file = await openH5ad(published);
    const column = (name: string) => Array.from<unknown>(file.obs.columns.get(name)!.values);
    const [labels, active, count] = ["target_gene", "active", "cell_count"].map(column);
    const [block] = [...file.matrix("X").blocks() as Iterable<{ values: Float64Array }>],
      genes = file.var.index.length;
    file.close();
    await run("--h5ad", published, "--control", "none", "--output", folder, ...[
      ...[
        "--guide-weights",
        "cells",
        "--active-col",
        "active",
        "--min-cells",
        "100",
        "--duplicate-genes",
        "first",
      ],
    ]);
    const targets = await tableOf(artifact(folder, "targets.csv"));
    const rows = labels.map((_, row) => row).filter((row) =>
      labels[row] === "TFA" && active[row] === 1 && Number(count[row]) >= 100
    );
    const weight = rows.reduce((sum, row) => sum + Number(count[row]), 0);
    const mean = rows.reduce((sum, row) => sum + Number(count[row]) * block.values[row * genes + 2], 0) /
      weight;
    assertAlmostEquals(Number(targets.get("TFA")!.get("ENSG00000000005")), mean, 1e-6);
  });
});

Deno.test("a table of guides and cellranger's folder give what the h5ad file of the same values gives", async () => {
  await inFolder(async (folder) => {
    const file = await openH5ad(cells);
    const genes = Array.from<unknown>(file.var.columns.get("gene_name")!.values), n = file.obs.index.length;
    const labels = Array.from<unknown>(file.obs.columns.get("condition")!.values);
    const dense = Array.from({ length: n }, () => new Array<number>(genes.length).fill(0));
    for await (const { first, count, starts, indices, values } of file.matrix("X").blocks()) {
      for (let r = 0; r < count; r++) {
        for (let at = starts[r]; at < starts[r + 1]; at++) dense[first + r][indices![at]] = values[at];
      }
    }
    file.close();
    const mtx = join(folder, "mtx");
    await Deno.mkdir(mtx);
    const entries = dense.flatMap((row, cell) =>
      row.flatMap((x, gene) => x ? [`${gene + 1} ${cell + 1} ${x}`] : [])
    );
    const gz = async (name: string, text: string) => {
      const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
      await Deno.writeFile(join(mtx, name), stream);
    };
    const head =
      `%%MatrixMarket matrix coordinate integer general\n%made up\n${genes.length} ${n} ${entries.length}\n`;
    await gz("matrix.mtx.gz", head + entries.join("\n") + "\n");
    await gz(
      "features.tsv.gz",
      genes.map((name, i) => `${file.var.index[i]}\t${name}\tGene Expression\n`).join(""),
    );
    await gz("barcodes.tsv.gz", file.obs.index.map((name) => `${name}\n`).join(""));
    const guides = join(folder, "guides.csv");
    await Deno.writeTextFile(
      guides,
      "barcode,condition\n" + labels.map((label, i) => `${file.obs.index[i]},${label}\n`).join(""),
    );
    await run("--mtx", mtx, "--guides", guides, "--output", join(folder, "a"));
    await assertTable(artifact(join(folder, "a"), "targets_377.csv"), "cells_sum_mean.csv", 3e-6);

    const table = join(folder, "table.csv");
    const lines = dense.map((row, i) => [file.obs.index[i], labels[i], ...row].join(",") + "\n");
    await Deno.writeTextFile(table, `cell,condition,${file.var.index.join(",")}\n` + lines.join(""));
    // Symbols of the labels are not in the table: the GTF has them.
    await run("--table", table, "--gtf", genome[1], "--output", join(folder, "b"));
    await assertTable(artifact(join(folder, "b"), "targets_377.csv"), "cells_sum_mean.csv", 3e-6);
  });
});

Deno.test("--h5ad-out has the targets, and --inspect suggests a command and writes nothing", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "targets.h5ad");
    await run("--h5ad", cells, "--output", folder, "--h5ad-out", out);
    const file = await openH5ad(out);
    assertEquals(file.obs.index, ["TFA", "TFB", "TFC"]);
    assertEquals(file.layers, ["adj_p"]);
    file.close();
    const lines = (await run("--h5ad", cells, "--inspect")).join("\n");
    assertStringIncludes(lines, "150 rows x 12 genes, CSR");
    assertStringIncludes(lines, "counts (whole numbers only");
    assertStringIncludes(lines, "--perturbation-col condition");
  });
});

Deno.test("--sequences-only writes the sequences of lists", async () => {
  await inFolder(async (folder) => {
    const list = join(folder, "tfs.txt");
    await Deno.writeTextFile(list, "TFB\nENSG00000000004\n");
    await run("--sequences-only", "--tfs", list, ...genome, "--window", "100", "--output", folder);
    const { rows } = await readCsvTable(join(folder, "data/tf_sequences.csv"));
    assertEquals(rows.map(([name, id]) => [name, id]), [["TFB", "ENSG00000000002"], [
      "TFD",
      "ENSG00000000004",
    ]]);
    assertEquals(rows.map((row) => row[5].length), [100, 100]);
  });
});

Deno.test("what cannot be prepared is refused in one line that says what would be right", async () => {
  await inFolder(async (folder) => {
    const refused = async (
      type: typeof DataError | typeof UsageError,
      message: string,
      ...args: string[]
    ) => {
      await linesPrinted(() => assertRejects(() => main([...args, "--output", folder]), type, message));
    };
    const data = (message: string, ...args: string[]) => refused(DataError, message, ...args);
    const usage = (message: string, ...args: string[]) => refused(UsageError, message, ...args);
    await data('it has no layer "counts"', "--h5ad", cells, "--layer", "counts");
    await data(
      'obs has no column "tf" (its columns are condition)',
      "--h5ad",
      cells,
      "--perturbation-col",
      "tf",
    );
    await data('"off-target" may be: --control-label "off-target"', "--h5ad", published);
    await data('no row has the control label "NT"', "--h5ad", cells, "--control-label", "NT");
    await data(
      "is no count (--normalize none",
      "--h5ad",
      published,
      "--control",
      "none",
      "--normalize",
      "log1p-cpm",
    );
    await data(
      "none of its 40 rows is left",
      "--h5ad",
      published,
      "--control",
      "none",
      "--min-cells",
      "1000",
    );
    await data("is among the", "--h5ad", cells, "--genes", await listed(folder, "ENSG00000000012\n"));
    await usage("needs", "--h5ad");
    await usage("Flag --h5ad is needed");
    await usage("together: one screen is read", "--h5ad", cells, "--table", cells);
    await usage("Flag --gtf is needed with --genome", "--h5ad", cells, "--genome", genome[3]);
    await usage(
      "it divides by the controls' spread",
      "--h5ad",
      published,
      "--control",
      "none",
      "--effect",
      "zscore",
    );
    await usage("obs has no column of cells", "--h5ad", cells, "--guide-weights", "cells");
    await usage("a number above 0 or median", "--h5ad", cells, "--target-sum", "many");
  });
});

async function listed(folder: string, text: string): Promise<string> {
  const path = join(folder, "list.txt");
  await Deno.writeTextFile(path, text);
  return path;
}

Deno.test("a gene with several columns stops the run, and its first is kept on request", async () => {
  await inFolder(async (folder) => {
    const table = join(folder, "t.csv");
    await Deno.writeTextFile(
      table,
      "target,ENSG00000000001,ENSG00000000002,ENSG00000000001.2\nENSG00000000001,1,2,3\nctrl,0,1,2\n",
    );
    await linesPrinted(() =>
      assertRejects(() => main(["--table", table, "--output", folder]), DataError, "several columns")
    );
    await run("--table", table, "--output", folder, "--duplicate-genes", "first", "--normalize", "none");
    const { header, rows } = await readCsvTable(artifact(folder, "targets_377.csv"));
    assertEquals(header.slice(2), ["ENSG00000000001", "ENSG00000000002"]);
    assertEquals(rows[0].slice(2), ["1", "1"]);
  });
});
