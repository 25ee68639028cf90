/** A small h5ad file as AnnData 0.8 and later read it: dense float32 matrices, tables of text and numbers. */
import { DataError } from "../cli/errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { writeFileAtomic } from "./atomic_write.ts";
import { type HdfGroup, loadH5wasm } from "./h5wasm.ts";

export interface H5adTable {
  readonly index: readonly string[];
  readonly columns: Readonly<Record<string, readonly string[] | Float64Array>>;
}

export interface H5adContent {
  readonly obs: H5adTable;
  readonly var: H5adTable;
  /** obs x var. */
  readonly X: Matrix;
  readonly layers: Readonly<Record<string, Matrix>>;
}

/** @throws {DataError} when it does not fit into the library's memory, or the folder cannot be written */
export async function writeH5ad(path: string, { obs, var: genes, X, layers }: H5adContent): Promise<void> {
  const { h5wasm, module } = await loadH5wasm();
  const name = `/output_${crypto.randomUUID()}.h5`;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const file = new h5wasm.File(name, "w");
    encode(file, "anndata", "0.1.0");
    writeMatrix(file, "X", X);
    const folder = file.create_group("layers");
    encode(folder, "dict", "0.1.0");
    for (const [layer, values] of Object.entries(layers)) writeMatrix(folder, layer, values);
    writeTable(file, "obs", obs);
    writeTable(file, "var", genes);
    for (const group of ["obsm", "varm", "obsp", "varp", "uns"]) {
      encode(file.create_group(group), "dict", "0.1.0");
    }
    file.close();
    bytes = module.FS.readFile(name);
    module.FS.unlink(name);
  } catch (error) {
    throw new DataError(
      `Cannot write "${path}": ${X.rows} x ${X.columns} values do not fit into HDF5's memory (leave --h5ad-out out)`,
      { cause: error },
    );
  }
  await writeFileAtomic(path, bytes);
}

function writeMatrix(group: HdfGroup, name: string, { data, rows, columns }: Matrix): void {
  group.create_dataset({ name, data: Float32Array.from(data), shape: [rows, columns], dtype: "<f" });
  encode(group.get(name) as HdfGroup, "array", "0.2.0");
}

function writeTable(file: HdfGroup, name: string, { index, columns }: H5adTable): void {
  const group = file.create_group(name);
  encode(group, "dataframe", "0.2.0");
  group.create_attribute("_index", "_index");
  const order = Object.keys(columns);
  group.create_attribute("column-order", order);
  writeTexts(group, "_index", index);
  for (const [column, values] of Object.entries(columns)) {
    if (values instanceof Float64Array) {
      group.create_dataset({ name: column, data: values, shape: [values.length], dtype: "<d" });
      encode(group.get(column) as HdfGroup, "array", "0.2.0");
    } else writeTexts(group, column, values as readonly string[]);
  }
}

function writeTexts(group: HdfGroup, name: string, values: readonly string[]): void {
  group.create_dataset({ name, data: values, shape: [values.length] });
  encode(group.get(name) as HdfGroup, "string-array", "0.2.0");
}

function encode(entity: Pick<HdfGroup, "create_attribute">, type: string, version: string): void {
  entity.create_attribute("encoding-type", type);
  entity.create_attribute("encoding-version", version);
}
