/** What `f` prints on standard output. Prints nothing itself. */
export async function linesPrinted(f: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const original = console.log;
  console.log = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    await f();
  } finally {
    console.log = original;
  }
  return lines;
}
