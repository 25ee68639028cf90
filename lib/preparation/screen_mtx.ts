/** cellranger's folder: matrix.mtx, features.tsv (genes.tsv of version 2) and barcodes.tsv, gzip or not. */
import { join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { counted, warnWithExamples } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import { readCsvTable, someColumns } from "../io/csv.ts";
import type { TableColumn } from "../io/h5ad_frame.ts";
import { openMatrixMarket, readMatrixMarketHead } from "../io/matrix_market.ts";
import { readPlainBytes } from "../io/plain_bytes.ts";
import type { ExpressionBlock, ExpressionMatrix } from "../dataset/expression_block.ts";
import { columnOf, textColumn } from "./column_of_cells.ts";
import type { Screen } from "./screen.ts";

/** @param guides table with a column of barcodes and what is known of each */
export async function openMtxScreen(folder: string, guides: string | null): Promise<Screen> {
  if (guides === null) {
    throw new UsageError(
      "Flag --guides is needed with --mtx: a table that says what was perturbed in each barcode",
    );
  }
  const [matrixPath, featuresPath, barcodesPath] = await Promise.all([
    findFile(folder, ["matrix.mtx.gz", "matrix.mtx"]),
    findFile(folder, ["features.tsv.gz", "features.tsv", "genes.tsv.gz", "genes.tsv"]),
    findFile(folder, ["barcodes.tsv.gz", "barcodes.tsv"]),
  ]);
  const features = (await linesOf(featuresPath)).map((line) => line.split("\t"));
  const barcodes = (await linesOf(barcodesPath)).map((line) => line.split("\t")[0]);
  const head = await readMatrixMarketHead(matrixPath);
  const genesAreRows = head.rows === features.length && head.columns === barcodes.length;
  if (!genesAreRows && !(head.rows === barcodes.length && head.columns === features.length)) {
    throw new DataError(
      `Cannot use "${matrixPath}": it is ${head.rows} x ${head.columns}, but there are ${features.length} features and ` +
        `${barcodes.length} barcodes`,
    );
  }
  // Features of other kinds are captured guides and antibodies.
  const isGene = (feature: readonly string[]) => feature[2] === undefined || feature[2] === "Gene Expression";
  const genes = features.map((_, i) => i).filter((i) => isGene(features[i]));
  const full = openMatrixMarket(matrixPath, head, genesAreRows);
  return {
    path: matrixPath,
    files: [matrixPath, featuresPath, barcodesPath, guides],
    obs: { index: barcodes, indexName: "barcode", columns: await guideColumnsOf(guides, barcodes) },
    var: {
      index: genes.map((i) => features[i][1] ?? features[i][0]),
      indexName: "",
      columns: new Map([["gene_ids", textColumn(genes.map((i) => features[i][0]))]]),
    },
    matrix: genes.length === features.length ? full : onlyColumns(full, genes),
    layers: [],
    saysLog1p: false,
    layer: (name) => {
      throw new DataError(
        `Cannot use "${matrixPath}": it has no layer "${shortId(name)}" (only h5ad files have layers)`,
      );
    },
    close: () => {},
  };
}

async function guideColumnsOf(path: string, barcodes: readonly string[]): Promise<Map<string, TableColumn>> {
  const { header, rows } = await readCsvTable(path);
  const known = new Set(barcodes);
  const share = (at: number) => rows.filter((row) => known.has(row[at])).length;
  const key = header.map((_, at) => at).sort((a, b) => share(b) - share(a))[0];
  if (rows.length === 0 || share(key) === 0) {
    throw new DataError(
      `Cannot use "${path}": none of its columns (${someColumns(header)}) holds barcodes such as ${
        shortId(barcodes[0] ?? "")
      }`,
    );
  }
  const rowOf = new Map(rows.map((row) => [row[key], row]));
  const without = barcodes.filter((barcode) => !rowOf.has(barcode));
  if (without.length > 0) {
    warnWithExamples(
      `${counted(without.length, "barcode")} of ${barcodes.length} not in "${path}": left out.`,
      without,
    );
  }
  return new Map(
    header.map((name, at): [string, TableColumn] => {
      const cells = barcodes.map((barcode) => rowOf.get(barcode)?.[at] ?? "");
      return [name, columnOf(cells)];
    }).filter((_, at) => at !== key),
  );
}

/** The matrix without its other columns. */
function onlyColumns(matrix: ExpressionMatrix, kept: readonly number[]): ExpressionMatrix {
  const place = new Int32Array(matrix.columns).fill(-1);
  kept.forEach((column, i) => place[column] = i);
  return {
    ...matrix,
    columns: kept.length,
    async *blocks(): AsyncGenerator<ExpressionBlock> {
      for await (const block of matrix.blocks()) {
        const { starts, values, count } = block, byRows = block.of === "rows";
        const newStarts = new Float64Array(count + 1), indices: number[] = [], newValues: number[] = [];
        let majors = 0;
        for (let major = 0; major < count; major++) {
          if (!byRows && place[block.first + major] < 0) continue;
          for (let at = starts[major]; at < starts[major + 1]; at++) {
            const minor = block.indices![at], index = byRows ? place[minor] : minor;
            if (index < 0) continue;
            indices.push(index);
            newValues.push(values[at]);
          }
          newStarts[++majors] = indices.length;
        }
        // Kept columns of a block stand side by side only where they are in order, as they are here.
        const first = byRows ? block.first : kept.findIndex((column) => column >= block.first);
        if (majors === 0) continue;
        yield {
          of: block.of,
          first,
          count: majors,
          starts: newStarts.subarray(0, majors + 1),
          indices: Int32Array.from(indices),
          values: Float64Array.from(newValues),
        };
      }
    },
  };
}

async function linesOf(path: string): Promise<string[]> {
  const lines = new TextDecoder().decode(await readPlainBytes(path)).split(/\r?\n/);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

async function findFile(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const info = await Deno.stat(join(folder, name)).catch(() => null);
    if (info?.isFile) return join(folder, name);
  }
  throw new DataError(
    `Cannot read "${folder}": there is no "${names[0]}" in it (cellranger's folder of a matrix is needed)`,
  );
}
