/** Predictions as a table: parquet that pandas reads, or CSV. */
import { extname } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { encodeCsv, encodeCsvRow } from "../io/csv.ts";
import type { Matrix } from "../linalg/matrix.ts";

/** @throws {UsageError} when the ending is neither .parquet nor .csv */
export function checkOutput(path: string): void {
  if (![".parquet", ".csv"].includes(extname(path))) {
    throw new UsageError(`Cannot use --output "${path}": it must end in .parquet or .csv`);
  }
}

/** "out.parquet" -> "out_baseline.parquet". */
export function besideOutput(path: string, what: "baseline" | "spread"): string {
  const ending = extname(path);
  return `${path.slice(0, -ending.length)}_${what}${ending}`;
}

/** Write a row a perturbation, a column a gene; in CSV the first column, `gene_id`, names the perturbation. */
export async function writeFrame(
  path: string,
  ids: readonly string[],
  genes: readonly string[],
  values: Matrix,
): Promise<void> {
  if (extname(path) === ".parquet") {
    const { writeParquetFrame } = await import("../io/parquet.ts");
    await writeParquetFrame(path, { index: [...ids], columns: [...genes], values });
    return;
  }
  await writeFileAtomic(path, csvLines(ids, genes, values));
}

/** Line by line: a table of gigabytes never is one text. */
function* csvLines(ids: readonly string[], genes: readonly string[], values: Matrix): Generator<string> {
  yield encodeCsv(["gene_id", ...genes], []);
  for (const [row, id] of ids.entries()) {
    const cells = values.data.subarray(row * values.columns, (row + 1) * values.columns);
    yield encodeCsvRow([id, ...Array.from(cells, float32Text)]);
  }
}

/** The fewest digits that read back as the same float32, as pandas writes it. */
function float32Text(value: number): string | number {
  if (!Number.isFinite(value)) return value;
  for (const digits of [7, 8]) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}
