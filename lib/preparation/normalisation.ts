/** log(1 + x * target / total), as scanpy's normalize_total and log1p give; or values as they are. */
export type Normalisation =
  | { readonly kind: "none" }
  | {
    readonly kind: "log1p";
    readonly targetSum: number;
    /** Sum of each row, where it is known before; else the sum of the row's values in its block. */
    readonly totals: Float64Array | null;
  };

/** Normalised values of one row. Small counts are looked up: most of a cell's values are 1, 2 or 3. */
export class RowNormaliser {
  readonly #known = new Float64Array(64);
  #factor = 1;

  /** @param factor target / total */
  start(factor: number): void {
    this.#factor = factor;
    this.#known.fill(-1);
  }

  of(value: number): number {
    if (value >= 0 && value < 64 && Number.isInteger(value)) {
      const known = this.#known[value];
      return known >= 0 ? known : this.#known[value] = Math.log1p(value * this.#factor);
    }
    return Math.log1p(value * this.#factor);
  }
}
