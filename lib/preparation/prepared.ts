/** What a data folder is written from. */
import type { Matrix } from "../linalg/matrix.ts";
import type { Promoter } from "../genome/sequences.ts";

export interface PreparedTf {
  /** As the screen calls it. */
  readonly name: string;
  /** Gene id; the name where no table knows it. */
  readonly id: string;
  readonly isKnown: boolean;
  /** Whether it is a read-out gene too. */
  readonly isReadOut: boolean;
  readonly rows: number;
  readonly cells: number | null;
}

export interface Prepared {
  readonly tfs: readonly PreparedTf[];
  /** Read-out genes, in the order of the screen. */
  readonly genes: readonly { readonly id: string; readonly symbol: string; readonly mean: number }[];
  /** tfs x genes each. */
  readonly targets: Matrix;
  readonly halves: readonly [Matrix, Matrix] | null;
  readonly de: Matrix | null;
  /** Of the TFs that were found, and of the read-out genes; null without a genome. */
  readonly promoters: { readonly tfs: readonly Promoter[]; readonly genes: readonly Promoter[] } | null;
}
