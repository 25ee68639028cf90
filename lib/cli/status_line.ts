/**
 * The one line on standard error that redraws itself on a terminal. Other lines are printed through `aside`, which takes
 * it away first and draws it again below them. Nothing here fails where standard error is closed, broken or full.
 */
let shown: string | null = null;

export const statusLine = {
  /** Draw `text` in place of what stands there. @param text no wider than `terminalColumns()` - 1 */
  draw(text: string): void {
    writeError(erased() + text);
    shown = text;
  },
  /** Leave the line as it stands and go on below it. */
  keep(): void {
    if (shown !== null) writeError("\n");
    shown = null;
  },
  /** Take the line away. */
  clear(): void {
    if (shown !== null) writeError(erased());
    shown = null;
  },
  /** Run `print`, which writes whole lines to the same terminal. */
  aside(print: () => void): void {
    if (shown === null) return print();
    const text = shown;
    statusLine.clear();
    print();
    statusLine.draw(text);
  },
};

/** Width of the terminal; 80 where it is not known. */
export function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80; // none of the standard streams is a terminal
  }
}

/** Write to standard error as far as that is possible: what is shown there is no reason to stop the work. */
export function writeError(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Closed, a reader that is gone, or a device that is full.
  }
}

/** What takes the line away. A terminal that has become narrower shows it on several rows. */
function erased(): string {
  const rows = shown === null ? 1 : Math.ceil(shown.length / terminalColumns());
  return rows > 1 ? `\r\x1b[${rows - 1}A\x1b[J` : "\r\x1b[2K";
}
