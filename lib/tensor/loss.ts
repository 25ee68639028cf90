/** The loss of every network here: squared error over the cells that were measured. */
import { record } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/**
 * Mean squared error over the cells whose target is finite, as [sum of squares, number of cells]: the mean is their
 * quotient (`meanOf(await loss.read())`), and `backward(loss, scale)` is that of `scale` times the mean.
 *
 * @returns shape [2], f32
 */
export function maskedSquaredError(prediction: Tensor, target: Tensor): Tensor {
  const { backend, size } = prediction;
  if (target.size !== size) {
    throw new RangeError(`Cannot compare [${prediction.shape}] with targets of [${target.shape}]`);
  }
  const stats = Tensor.empty(backend, [2]);
  backend.maskedSquaredError(stats.storage, prediction.storage, target.storage, size);
  return record(stats, [prediction], () => ({
    saves: [prediction, target, stats],
    lossBackward: (scale) => {
      const d = Tensor.empty(backend, prediction.shape, prediction.dtype);
      backend.maskedSquaredErrorBackward(
        d.storage,
        prediction.storage,
        target.storage,
        stats.storage,
        size,
        scale,
      );
      return [d];
    },
  }));
}

/** The mean that `maskedSquaredError` stands for; NaN where no target was finite. */
export function meanOf([sum, cells]: ArrayLike<number> & Iterable<number>): number {
  return sum / cells;
}
