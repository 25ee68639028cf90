import type { Matrix } from "../linalg/matrix.ts";

export interface ErrorRatios {
  /** One a perturbation; NaN where it has no cell to judge by or the baseline makes no error there. */
  ratios: Float64Array;
  /** Perturbations that were left out since the baseline makes no error there. */
  leftOut: number;
}

/**
 * Error of a model over that of the mean baseline, L2(F_p - Y_p) / L2(mu - Y_p), over the cells where truth Y, prediction F
 * and baseline mu are all finite: below 1 the model is the better one, and the baseline has 1. The headline figure of
 * Ahlmann-Eltze, Huber and Anders (2025, Fig. 2c).
 *
 * All matrices are perturbations x genes.
 *
 * @param genes columns to judge by; all without it
 */
export function errorRatios(
  truth: Matrix,
  prediction: Matrix,
  baseline: Matrix,
  genes?: readonly number[],
): ErrorRatios {
  const { rows, columns } = truth, ratios = new Float64Array(rows).fill(NaN);
  const count = genes?.length ?? columns;
  let leftOut = 0;
  for (let row = 0; row < rows; row++) {
    let cells = 0, modelSquares = 0, baselineSquares = 0;
    for (let i = 0; i < count; i++) {
      const at = row * columns + (genes ? genes[i] : i);
      const modelError = prediction.data[at] - truth.data[at];
      const baselineError = baseline.data[at] - truth.data[at];
      if (!(modelError - modelError === 0 && baselineError - baselineError === 0)) continue; // not finite
      cells++;
      modelSquares += modelError * modelError;
      baselineSquares += baselineError * baselineError;
    }
    if (baselineSquares > 0) ratios[row] = Math.sqrt(modelSquares / baselineSquares);
    else if (cells > 0) leftOut++;
  }
  return { ratios, leftOut };
}
