/**
 * What a terminal shows after a text with the control codes that our scripts write: lines as they stand in the end, long
 * ones cut where the terminal goes on in the next row.
 */
export function screenOf(text: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let row = 0, column = 0;
  const line = () => rows[row] ??= [];
  // deno-lint-ignore no-control-regex
  for (const [piece, code, count, kind] of text.matchAll(/(\x1b\[([0-9;?]*)([A-Za-z]))|[^]/gu)) {
    if (code) {
      if (kind === "A") row = Math.max(0, row - Number(count || 1));
      else if (kind === "K") rows[row] = count === "2" ? [] : line().slice(0, column);
      else if (kind === "J") {
        rows.length = row + 1;
        rows[row] = line().slice(0, column);
      } else if (kind !== "m") {
        throw new Error(`A control code that is not known here: ${JSON.stringify(code)}`);
      }
    } else if (piece === "\r") column = 0;
    else if (piece === "\n") row++;
    else {
      if (column === columns) row++, column = 0;
      while (line().length < column) line().push(" ");
      line()[column++] = piece;
    }
  }
  return Array.from(rows, (cells) => (cells ?? []).join("").trimEnd());
}
