/** h5ad files as AnnData 0.6 to 0.12 write them: what is in them, read a piece at a time. */
import { DataError } from "../cli/errors.ts";
import { someIds } from "../dataset/ids.ts";
import type { ExpressionMatrix } from "../dataset/expression_block.ts";
import { type AnnotationTable, readAnnotationTable } from "./h5ad_frame.ts";
import { openH5adMatrix } from "./h5ad_matrix.ts";
import { Hdf5File } from "./hdf5_file.ts";

export interface H5adFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The rows of the matrices: cells or guides. */
  readonly obs: AnnotationTable;
  /** The columns: genes. */
  readonly var: AnnotationTable;
  readonly layers: readonly string[];
  readonly hasX: boolean;
  readonly hasRaw: boolean;
  /** Whether scanpy's log1p left its mark in `uns`. */
  readonly saysLog1p: boolean;
  /**
   * @param name "X", the name of a layer, or "raw"; of `raw` the columns are `rawVar()`
   * @throws {DataError} when there is none such, naming those that are there
   */
  matrix(name: string): ExpressionMatrix;
  rawVar(): AnnotationTable;
  close(): void;
}

/** @throws {DataError} when it cannot be read or is no h5ad file */
export async function openH5ad(path: string): Promise<H5adFile> {
  const file = await Hdf5File.open(path);
  try {
    for (const name of ["obs", "var"]) {
      if (file.kind(name) !== null) continue;
      throw new DataError(
        `Cannot read "${path}": it has no "${name}", so it is no h5ad file (it holds ${
          someIds(file.names("")) || "nothing"
        })`,
      );
    }
    const layers = file.names("layers");
    const opened: H5adFile = {
      path,
      size: file.size,
      obs: readAnnotationTable(file, "obs"),
      var: readAnnotationTable(file, "var"),
      layers,
      hasX: file.kind("X") !== null,
      hasRaw: file.kind(rawX(file)) !== null,
      saysLog1p: file.kind("uns/log1p") !== null,
      matrix: (name) => {
        const place = name === "X" ? "X" : name === "raw" ? rawX(file) : `layers/${name}`;
        if (file.kind(place) === null || (place.startsWith("layers/") && !layers.includes(name))) {
          throw new DataError(
            `Cannot use "${path}": it has no layer "${name}" (it has ${
              [...file.kind("X") ? ["X"] : [], ...layers, ...file.kind(rawX(file)) ? ["raw"] : []]
                .map((layer) => `"${layer}"`).join(", ")
            })`,
          );
        }
        return openH5adMatrix(file, place);
      },
      rawVar: () => readAnnotationTable(file, file.kind("raw/var") !== null ? "raw/var" : "raw.var"),
      close: () => file.close(),
    };
    return opened;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** 0.6 wrote "raw.X" beside X, later versions a group. */
function rawX(file: Hdf5File): string {
  return file.kind("raw.X") !== null ? "raw.X" : "raw/X";
}
