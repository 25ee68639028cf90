/** Inputs that can be read once only: standard input, and pipes such as a shell's `<(command)`. */

const contents = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/**
 * All bytes of a pipe, read once however many readers ask for them; null for what is none.
 *
 * Standard input is known by the paths that shells give it, which Deno grants no script to open as files.
 */
export async function pipeContent(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const isInput = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].includes(path);
  const name = isInput ? "/dev/stdin" : path;
  if (!isInput && !contents.has(name) && !(await Deno.stat(path).catch(() => null))?.isFifo) return null;
  const content = contents.get(name) ?? (isInput ? readInput() : Deno.readFile(path));
  contents.set(name, content);
  return await content;
}

async function readInput(): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of Deno.stdin.readable) {
    pieces.push(piece);
    length += piece.length;
  }
  const whole = new Uint8Array(length);
  let end = 0;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.length;
  }
  return whole;
}
