/** Weights that are mostly 0, such as those of nearest neighbours. */
import type { Matrix } from "./matrix.ts";

/** Whether so few elements are not 0 that going through them one by one is cheaper than a dense product. */
export function isSparse({ data }: Matrix<Float64Array>): boolean {
  let used = 0;
  for (const value of data) if (value !== 0) used++;
  return used * 16 < data.length;
}

/** Places of the elements that are not 0. */
export function nonZeros(values: Float64Array): number[] {
  const places: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) places.push(i);
  return places;
}
