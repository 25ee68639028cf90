/** Predictions of any tool: a row a perturbation, a column a gene. */
import { extname } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { readTargets } from "../dataset/targets.ts";
import { exists } from "../experiment/folders.ts";
import { readIdList } from "../io/id_list.ts";
import { readNpyMatrix } from "../io/npy.ts";
import type { Matrix } from "../linalg/matrix.ts";

export interface LabelledTable {
  readonly path: string;
  readonly ids: readonly string[];
  readonly genes: readonly string[];
  /** What else rows and columns are called, where the file tells it. */
  readonly otherIds?: readonly string[];
  readonly otherGenes?: readonly string[];
  /** ids x genes. */
  readonly values: Matrix;
}

/** @throws {DataError} when the file is none of the kinds that are read, or names and numbers do not go together */
export async function readLabelledTable(path: string): Promise<LabelledTable> {
  const ending = extname(path).toLowerCase();
  if (ending === ".npy") return await readNpyTable(path);
  if (ending === ".h5ad" || ending === ".h5") {
    const { readH5adTable } = await import("./read_h5ad_table.ts"); // HDF5 is only loaded for its files
    return await readH5adTable(path);
  }
  const { perturbations, genes, values } = await readTargets(path, { prefer: "first" }).catch((error) => {
    throw error instanceof DataError ? asTable(error) : error;
  });
  return { path, ids: perturbations, genes, values };
}

/** The reader of targets says "targets", and names their flag: neither is meant here. */
function asTable({ message }: DataError): DataError {
  return new DataError(
    message.replace(/^(Cannot \w+) targets /, "$1 ").replace(/; --targets-id-col [^;)]*/, ""),
  );
}

async function readNpyTable(path: string): Promise<LabelledTable> {
  const values = await readNpyMatrix(path);
  const ids = await namesBeside(path, "ids", values.rows, "row");
  const genes = await namesBeside(path, "genes", values.columns, "column");
  return { path, ids, genes, values };
}

/** `<stem>_ids.npy` and the like. */
async function namesBeside(path: string, what: string, count: number, of: string): Promise<string[]> {
  const stem = path.replace(/\.npy$/i, ""), places = [`${stem}_${what}.npy`, `${stem}_${what}.txt`];
  for (const place of places) {
    if (!await exists(place)) continue;
    const names = await readIdList(place);
    if (names.length === count) return names;
    throw new DataError(
      `Cannot use "${path}": it has ${
        counted(count, of)
      }, "${place}" names ${names.length} (one a ${of} is needed)`,
    );
  }
  throw new DataError(
    `Cannot use "${path}": there is neither "${places[0]}" nor "${places[1]}" to name each ${of}`,
  );
}
