/** Embeddings of several files side by side: the vector of an id is one after the other what each file has for it. */
import { DataError, UsageError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { type Embedded, takeRows } from "../linalg/matrix.ts";
import { type Embeddings, readEmbeddings } from "./embeddings.ts";
import { matchIds, reportMatches } from "./matching.ts";

/**
 * Read one or several files of vectors, as `readEmbeddings` reads each. Ids are those that all files have, in the order of the
 * first and as it writes them.
 *
 * @param idsPaths one a file of vectors; null: beside each
 * @throws {UsageError} when there are not as many files of ids as of vectors
 */
export async function readJoinedEmbeddings(
  paths: readonly string[],
  idsPaths: readonly string[] | null,
  options?: { allowMissing: boolean },
): Promise<Embeddings> {
  if (idsPaths !== null && idsPaths.length !== paths.length) {
    throw new UsageError(
      `Cannot pair --embeddings with --ids: there are ${
        counted(paths.length, "file")
      } of vectors and ${idsPaths.length} ` +
        `of ids (as many are needed, or none where they lie beside the vectors)`,
    );
  }
  const parts: Embeddings[] = [];
  for (const [i, path] of paths.entries()) {
    parts.push(await readEmbeddings(path, idsPaths?.[i] ?? null, options));
  }
  return joinEmbeddings(parts);
}

/** Put embeddings side by side. @throws {DataError} when no id is in all of them */
export function joinEmbeddings(parts: readonly Embeddings[]): Embeddings {
  const [first, ...others] = parts;
  if (others.length === 0) return first;
  const matches = others.map((part) => {
    const wanted = { ids: first.ids, what: "id", path: first.idsPath };
    const known = { ids: part.ids, path: part.idsPath };
    const match = matchIds(wanted, known);
    reportMatches(match, wanted, known, "left out, since all files of embeddings must have an id");
    return match.rows;
  });
  const kept = Array.from(first.ids.keys()).filter((row) => matches.every((rows) => rows[row] >= 0));
  if (kept.length === 0) {
    throw new DataError(
      `Cannot put embeddings side by side: no id is in all of ${
        parts.map(({ idsPath }) => `"${idsPath}"`).join(", ")
      }`,
    );
  }
  const blocks = [kept, ...matches.map((rows) => kept.map((row) => rows[row]))]
    .map((rows, i) => takeRows(parts[i].values, rows));
  return {
    path: parts.map(({ path }) => path).join(" and "),
    idsPath: parts.map(({ idsPath }) => idsPath).join(" and "),
    ids: kept.map((row) => first.ids[row]),
    values: sideBySide(blocks),
    parts: parts.map(({ path, idsPath, values }) => ({ path, idsPath, width: values.columns })),
  };
}

function sideBySide(blocks: readonly Embedded[]): Embedded {
  const rows = blocks[0].rows, columns = blocks.reduce((sum, block) => sum + block.columns, 0);
  const isNarrow = blocks.every(({ data }) => data instanceof Float32Array);
  const data = isNarrow ? new Float32Array(rows * columns) : new Float64Array(rows * columns);
  let start = 0;
  for (const block of blocks) {
    for (let row = 0; row < rows; row++) {
      data.set(block.data.subarray(row * block.columns, (row + 1) * block.columns), row * columns + start);
    }
    start += block.columns;
  }
  return { data, rows, columns } as Embedded;
}
