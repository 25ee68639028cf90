/** When a validation loss no longer falls: a smaller learning rate, and the end. Plain numbers, so that they save as JSON. */

/** PyTorch's ReduceLROnPlateau (mode "min", relative threshold): state after each `step` equals PyTorch's. */
export class ReduceLROnPlateau {
  readonly factor: number;
  /** Checks without improvement that are borne; the next one reduces. */
  readonly patience: number;
  /** An improvement is a loss below best x (1 - threshold). */
  readonly threshold: number;
  /** Reductions by less than this are not made. */
  readonly epsilon: number;
  best = Infinity;
  badChecks = 0;

  constructor(
    public learningRate: number,
    { factor = 0.7, patience = 3, threshold = 1e-4, epsilon = 1e-8 } = {},
  ) {
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.epsilon = epsilon;
  }

  /** Count one check. @returns the learning rate from now on */
  step(loss: number): number {
    if (loss < this.best * (1 - this.threshold)) {
      this.best = loss;
      this.badChecks = 0;
    } else this.badChecks++;
    if (this.badChecks > this.patience) {
      const reduced = this.learningRate * this.factor;
      if (this.learningRate - reduced > this.epsilon) this.learningRate = reduced;
      this.badChecks = 0;
    }
    return this.learningRate;
  }
}

/** Ends training after `patience` checks in a row without a new lowest loss; 0 is as 1: at the first such check. */
export class EarlyStopping {
  best = Infinity;
  badChecks = 0;

  constructor(readonly patience: number) {}

  /** Count one check. @returns whether it is the best so far, and whether to stop */
  step(loss: number): { improved: boolean; stop: boolean } {
    const improved = loss < this.best;
    if (improved) {
      this.best = loss;
      this.badChecks = 0;
    } else this.badChecks++;
    return { improved, stop: !improved && this.badChecks >= this.patience };
  }
}
