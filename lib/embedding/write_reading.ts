import { counted, resultLine } from "../cli/log.ts";
import { joinPieces, type OutputRow, rowWidth } from "./join_pieces.ts";
import { type ReadingOutput, removeRecord, tokenFolder, writeEmbeddings, writeRecord } from "./outputs.ts";
import { recordOf, type SequenceRun, shownPath } from "./run_record.ts";
import { finishTokenFiles, tokenFileName } from "./token_files.ts";

/**
 * Write all files of one reading, the record last.
 *
 * @param vectorOf of a piece; not asked for where nothing is pooled, since the token vectors are written by then
 */
export async function writeReading(
  run: SequenceRun,
  output: ReadingOutput,
  outputRows: readonly OutputRow[],
  vectorOf: (place: number) => Float32Array,
): Promise<void> {
  const { reading, paths } = output, { embedder, cut, tokenized: { pieces }, rows } = run;
  if (reading.pooling === "none") {
    await removeRecord(paths);
    const files = outputRows.map(({ id, sequence, window, pieces: [place] }) => ({
      name: tokenFileName(rows[sequence], window),
      id,
      tokens: pieces[place].tokenIds.length,
    }));
    await finishTokenFiles(tokenFolder(paths), files);
    await writeRecord(paths, recordOf(run, reading, embedder.width));
    resultLine(
      `Wrote vectors of the tokens of ${counted(files.length, "sequence")} to "${shownPath(output)}"`,
    );
    return;
  }
  const width = rowWidth(embedder.width, cut), vectors = new Float32Array(outputRows.length * width);
  outputRows.forEach(({ pieces: own }, row) => {
    const joined = joinPieces(own.map((place) => pieces[place]), own.map(vectorOf), reading.pooling, {
      strands: cut.strands,
      tokenizer: embedder.tokenizer,
    });
    vectors.set(joined, row * width);
  });
  await writeEmbeddings(paths, outputRows.map(({ id }) => id), vectors, recordOf(run, reading, width));
  resultLine(`Wrote ${outputRows.length} x ${width} to "${shownPath(output)}"`);
}
