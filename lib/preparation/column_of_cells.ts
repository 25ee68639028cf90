import { isMissing } from "../io/csv.ts";
import type { TableColumn } from "../io/h5ad_frame.ts";

/** Cells of a table of text as a column: booleans or numbers where all are, else text. */
export function columnOf(cells: readonly string[]): TableColumn {
  const words = cells.filter((cell) => !isMissing(cell));
  if (words.length > 0 && words.every((word) => /^(true|false)$/i.test(word))) {
    const values = cells.map((cell) => isMissing(cell) ? NaN : Number(/^true$/i.test(cell)));
    return { kind: "boolean", values };
  }
  if (words.length > 0 && words.every((word) => word.trim() !== "" && !Number.isNaN(Number(word)))) {
    return { kind: "number", values: cells.map((cell) => isMissing(cell) ? NaN : Number(cell)) };
  }
  return textColumn(cells.map((cell) => isMissing(cell) ? null : cell));
}

export function textColumn(values: readonly (string | null)[]): TableColumn {
  return { kind: "text", values, categories: null };
}
