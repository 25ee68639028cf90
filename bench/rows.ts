/** What a bench hands to bench/all.ts: one line of JSON behind its own output. */

/** The flag of every bench that has rows. */
export const rowsFlag = {
  "json": { default: false, help: "also print what was measured as a line of JSON, for bench/all.ts" },
};

export interface Side {
  readonly seconds: number;
  /** Of the whole process, where it was measured. */
  readonly peakMib?: number;
}

/** One subject, timed once on both sides. */
export interface Row {
  readonly subject: string;
  /** What ran ours: "own WebAssembly", "OpenBLAS ..."; null where there is but one way. */
  readonly engine: string | null;
  readonly ours: Side;
  readonly peer: Side;
  /** "PyTorch 2.13.0". */
  readonly peerName: string;
  readonly work?: Work;
  /** What bounds ours, in words, where arithmetic and bytes do not tell. */
  readonly bound?: string;
}

/** What the task needs, counted from its shapes; `bench/all.ts` sets it against the roof of the machine. */
export interface Work {
  /** Multiplications and additions, 1e9. */
  readonly gflop?: number;
  /** The part of `gflop` that our own kernels do with a BLAS library too: all but matrix products. */
  readonly gflopBesideProducts?: number;
  /** The least bytes to be moved, 1e9: weights, and activations in and out once. */
  readonly gbytes?: number;
}

const mark = "rows ";

/** Print the rows where --json asks for them. */
export function printRows(asked: boolean, rows: readonly Row[]): void {
  if (asked) console.log(mark + JSON.stringify(rows));
}

/** The rows in a bench's output. */
export function parseRows(output: string): Row[] {
  return output.split("\n").filter((line) => line.startsWith(mark)).flatMap((line) =>
    JSON.parse(line.slice(mark.length)) as Row[]
  );
}
