/**
 * The tables `obs` and `var` of an h5ad file in all layouts that AnnData 0.6 to 0.12 wrote: arrays of records, groups of
 * columns, categories beside (`__categories`, `uns`) or within a column, columns with a mask.
 */
import { DataError } from "../cli/errors.ts";
import { shortId } from "../dataset/ids.ts";
import type { Hdf5File } from "./hdf5_file.ts";

/** A column. Missing text is null, missing numbers are NaN; booleans are 0 and 1. */
export type TableColumn =
  | {
    readonly kind: "text";
    readonly values: readonly (string | null)[];
    readonly categories: readonly string[] | null;
  }
  | { readonly kind: "number" | "boolean"; readonly values: ArrayLike<number> };

export interface AnnotationTable {
  /** Names of the rows. */
  readonly index: readonly string[];
  /** What the index is called; "" without a name. */
  readonly indexName: string;
  readonly columns: ReadonlyMap<string, TableColumn>;
}

/** @param group "obs", "var", "raw/var" @throws {DataError} when it is missing, or holds something else */
export function readAnnotationTable(file: Hdf5File, group: string): AnnotationTable {
  const kind = file.kind(group);
  if (kind === "dataset") return fromRecords(file, group);
  if (kind === null) {
    throw new DataError(`Cannot read "${file.path}": it has no "${group}" (is it an h5ad file?)`);
  }
  const indexName = indexNameOf(file, group);
  const index = Array.from(textsOrNumbers(file, `${group}/${indexName}`), (name) => name ?? "");
  const order = file.attribute(group, "column-order");
  const named = Array.isArray(order) ? order.filter((name) => typeof name === "string") : [];
  const names = new Set([...named, ...file.names(group)]);
  const columns = new Map<string, TableColumn>();
  for (const name of names) {
    if (name === indexName || name === "__categories") continue;
    const column = readColumn(file, group, name);
    if (column === null) continue;
    if (column.values.length !== index.length) {
      throw new DataError(
        `Cannot read "${file.path}": column "${
          shortId(name)
        }" of ${group} has ${column.values.length} values for ` +
          `${index.length} rows (is the file damaged?)`,
      );
    }
    columns.set(name, column);
  }
  return { index, indexName: /^(_index|index|_rn)$/.test(indexName) ? "" : indexName, columns };
}

function indexNameOf(file: Hdf5File, group: string): string {
  const named = file.attribute(group, "_index");
  const candidates = [named, "_index", "index", "_rn"].filter((name) => typeof name === "string");
  const found = candidates.find((name) => file.kind(`${group}/${name}`) !== null);
  if (found !== undefined) return found;
  throw new DataError(
    `Cannot read "${file.path}": "${group}" has no index (${
      typeof named === "string" ? `"${shortId(named)}" is missing` : "its attribute _index is missing"
    })`,
  );
}

/** A column of a group; null for what is neither numbers nor text. */
function readColumn(file: Hdf5File, group: string, name: string): TableColumn | null {
  const path = `${group}/${name}`;
  if (file.kind(path) === "group") {
    const names = file.names(path);
    if (names.includes("codes") && names.includes("categories")) {
      return categorical(file.numbers(`${path}/codes`), textsOrNumbers(file, `${path}/categories`));
    }
    if (names.includes("values") && names.includes("mask")) {
      const mask = file.numbers(`${path}/mask`);
      return masked(plainColumn(file, `${path}/values`), mask);
    }
    return null;
  }
  if (file.kind(path) !== "dataset") return null;
  // 0.7: codes in the column, its categories in __categories.
  const categories = `${group}/__categories/${name}`;
  if (file.kind(categories) === "dataset") {
    return categorical(file.numbers(path), textsOrNumbers(file, categories));
  }
  return plainColumn(file, path);
}

function plainColumn(file: Hdf5File, path: string): TableColumn | null {
  if (file.kind(path) !== "dataset") return null;
  const { kind, shape } = file.facts(path);
  if (shape.length !== 1) return null;
  if (kind === "text") return { kind: "text", values: file.texts(path), categories: null };
  if (kind === "boolean") return { kind: "boolean", values: file.numbers(path) };
  return kind === "integer" || kind === "float" ? { kind: "number", values: file.numbers(path) } : null;
}

function masked(column: TableColumn | null, mask: ArrayLike<number>): TableColumn | null {
  if (column === null) return null;
  if (column.kind === "text") {
    return { ...column, values: column.values.map((value, row) => mask[row] ? null : value) };
  }
  return {
    kind: column.kind,
    values: Float64Array.from(
      { length: column.values.length },
      (_, row) => mask[row] ? NaN : column.values[row],
    ),
  };
}

function categorical(codes: ArrayLike<number>, categories: readonly (string | null)[]): TableColumn {
  const names = categories.map((name) => name ?? "");
  return { kind: "text", values: Array.from(codes, (code) => names[code] ?? null), categories: names };
}

/** Text as it is; numbers and booleans as text, as categories of them are kept. */
function textsOrNumbers(file: Hdf5File, path: string): readonly (string | null)[] {
  const column = file.kind(path) === "group"
    ? readColumn(file, path.slice(0, path.lastIndexOf("/")), path.slice(path.lastIndexOf("/") + 1))
    : plainColumn(file, path);
  if (column?.kind === "text") return column.values;
  if (column?.kind === "number") return Array.from(column.values, String);
  if (column?.kind === "boolean") return Array.from(column.values, (value) => value ? "True" : "False");
  throw new DataError(`Cannot read "${file.path}": "${shortId(path)}" holds neither text nor numbers`);
}

/** 0.6: one array of records; categories are codes, their names in `uns/<column>_categories`. */
function fromRecords(file: Hdf5File, path: string): AnnotationTable {
  if (file.facts(path).kind !== "compound") {
    throw new DataError(`Cannot read "${file.path}": "${path}" is no table (is it an h5ad file?)`);
  }
  const records = file.records(path);
  const indexName = ["index", "_index"].find((name) => records.has(name)) ?? [...records.keys()][0];
  const columns = new Map<string, TableColumn>();
  for (const [name, cells] of records) {
    if (name === indexName) continue;
    const categories = `uns/${name}_categories`;
    if (cells.every((cell) => typeof cell === "string")) {
      columns.set(name, { kind: "text", values: cells as string[], categories: null });
    } else if (file.kind(categories) === "dataset") {
      columns.set(name, categorical(cells as number[], textsOrNumbers(file, categories)));
    } else {
      columns.set(name, { kind: "number", values: Float64Array.from(cells as number[]) });
    }
  }
  const index = (records.get(indexName) ?? []).map(String);
  return { index, indexName: /^_?index$/.test(indexName) ? "" : indexName, columns };
}
