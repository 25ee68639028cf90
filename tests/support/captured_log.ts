/** What a script prints, taken down instead of shown. */

/** Run `body` with console.log and console.error kept back. @returns its result and the lines it printed */
export async function captured<T>(body: () => T | Promise<T>): Promise<{ result: T; lines: string[] }> {
  const { log, error } = console, lines: string[] = [];
  console.log = console.error = (...parts: unknown[]) => void lines.push(...parts.join(" ").split("\n"));
  try {
    return { result: await body(), lines };
  } finally {
    Object.assign(console, { log, error });
  }
}

/** The lines alone. */
export async function linesPrinted(body: () => Promise<unknown>): Promise<string[]> {
  return (await captured(body)).lines;
}
