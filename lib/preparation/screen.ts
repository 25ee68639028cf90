/** A screen as it was measured: rows are cells or guides, columns genes, with what is known of each. */
import type { AnnotationTable, TableColumn } from "../io/h5ad_frame.ts";
import type { ExpressionMatrix } from "../dataset/expression_block.ts";

export interface Screen {
  readonly path: string;
  /** All files that were opened for it. */
  readonly files: readonly string[];
  readonly obs: AnnotationTable;
  readonly var: AnnotationTable;
  readonly matrix: ExpressionMatrix;
  /** Names of further matrices of the same shape. */
  readonly layers: readonly string[];
  /** Whether the file says that its values are log1p of something. */
  readonly saysLog1p: boolean;
  layer(name: string): ExpressionMatrix;
  close(): void;
}

/** The column of that name, in any case; undefined without one. */
export function findColumn(table: AnnotationTable, names: readonly string[]): string | undefined {
  const columns = [...table.columns.keys()];
  for (const name of names) {
    const found = columns.find((column) => column === name) ??
      columns.find((column) => column.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Cells of a column as text; null where missing. */
export function textsOf(column: TableColumn): readonly (string | null)[] {
  if (column.kind === "text") return column.values;
  return Array.from(column.values, (value) => Number.isNaN(value) ? null : String(value));
}
