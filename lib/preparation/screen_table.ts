/** A table of guides x genes: CSV, TSV (also gzip) or Parquet. Columns of text and a few known names tell of the guides. */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import { isTextColumn } from "../dataset/target_columns.ts";
import { parseNumericCsv, sampleCsvTable } from "../io/csv.ts";
import type { TableColumn } from "../io/h5ad_frame.ts";
import { areRowNumbers } from "../io/id_heads.ts";
import { plainBytes } from "../io/plain_bytes.ts";
import { readOrOpen, WindowedFile } from "../io/windowed_file.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { columnOf, textColumn } from "./column_of_cells.ts";
import { denseBlock, type ExpressionBlock, type ExpressionMatrix } from "../dataset/expression_block.ts";
import type { Screen } from "./screen.ts";

/** Columns of numbers that tell of a guide, not of a gene. */
const aboutGuides =
  /^(cell_count|n_?cells|num_cells|cells|n_?umis?|n_?counts|n_?genes|total_counts|active|is_control|score|strength|batch|gem_group|replicate|target_expr|de_genes|pct_.*|percent_.*|unnamed: \d+|index|)$/i;

export async function openTableScreen(path: string): Promise<Screen> {
  const raw = await readOrOpen(path);
  const isParquet = !(raw instanceof WindowedFile) && new TextDecoder().decode(raw.subarray(0, 4)) === "PAR1";
  const { columns, index, indexName, genes, values } = isParquet
    ? await fromParquet(raw, path)
    : fromText(raw instanceof WindowedFile ? raw : plainBytes(raw, path), path);
  if (genes.length === 0) {
    throw new DataError(`Cannot use "${path}": it has no column of numbers named by a gene`);
  }
  if (values.rows === 0) throw new DataError(`Cannot use "${path}": it has no row below the header`);
  return {
    path,
    files: [path],
    obs: { index, indexName, columns },
    var: { index: genes, indexName: "", columns: new Map() },
    matrix: inMemory(values),
    layers: [],
    saysLog1p: false,
    layer: (name) => {
      throw new DataError(
        `Cannot use "${path}": it has no layer "${shortId(name)}" (only h5ad files have layers)`,
      );
    },
    close: () => {},
  };
}

interface Table {
  readonly columns: Map<string, TableColumn>;
  readonly index: readonly string[];
  readonly indexName: string;
  readonly genes: readonly string[];
  readonly values: Matrix;
}

function fromText(bytes: Uint8Array | WindowedFile, path: string): Table {
  const { header, rows } = sampleCsvTable(bytes, path, 200);
  const cells = (at: number) => rows.map((row) => row[at].trim());
  const isAbout = (name: string, at: number) =>
    isTextColumn(name, rows, at) || aboutGuides.test(name.trim()) ||
    (at === 0 && areRowNumbers(cells(0)) && rows.length > 2);
  const labels = header.filter((name, at) => isAbout(name, at) && header.indexOf(name) === at);
  const table = parseNumericCsv(bytes, path, { labels });
  const columns = new Map(labels.map((name) => [name === "" ? "index" : name, columnOf(table.labels[name])]));
  const first = labels.includes(header[0]) ? table.labels[header[0]] : null;
  const index = first ?? Array.from({ length: table.values.rows }, (_, row) => String(row + 1));
  return { columns, index, indexName: first ? header[0] : "", genes: table.columns, values: table.values };
}

async function fromParquet(bytes: Uint8Array, path: string): Promise<Table> {
  const { parseParquetFrame } = await import("../io/parquet.ts");
  const frame = parseParquetFrame(bytes, path);
  const isAbout = (at: number) => aboutGuides.test(frame.columns[at]);
  const places = frame.columns.map((_, at) => at), kept = places.filter((at) => !isAbout(at));
  const cell = (row: number, at: number) => frame.values.data[row * frame.columns.length + at];
  const columns = new Map<string, TableColumn>();
  if (!frame.isNumbered) {
    columns.set(frame.indexName ?? "index", textColumn(frame.index));
  }
  for (const [name, values] of Object.entries(frame.labels)) columns.set(name, columnOf(values));
  for (const at of places.filter(isAbout)) {
    const values = Float64Array.from(frame.index, (_, row) => cell(row, at));
    columns.set(frame.columns[at], { kind: "number", values });
  }
  const data = new Float32Array(frame.index.length * kept.length);
  frame.index.forEach((_, row) => kept.forEach((at, i) => data[row * kept.length + i] = cell(row, at)));
  return {
    columns,
    index: frame.index,
    indexName: frame.indexName ?? "",
    genes: kept.map((at) => frame.columns[at]),
    values: { data, rows: frame.index.length, columns: kept.length },
  };
}

function inMemory({ data, rows, columns }: Matrix): ExpressionMatrix {
  return {
    name: "the table",
    rows,
    columns,
    layout: "dense",
    stored: rows * columns,
    *blocks(): Generator<ExpressionBlock> {
      const step = Math.max(1, Math.floor(2 ** 21 / columns));
      for (let first = 0; first < rows; first += step) {
        const end = Math.min(rows, first + step);
        yield denseBlock(
          first,
          end - first,
          columns,
          Float64Array.from(data.subarray(first * columns, end * columns)),
        );
      }
    },
  };
}
