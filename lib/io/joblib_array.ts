/** Arrays as joblib stores them: a wrapper in the pickle that describes the array, its bytes behind that in the stream. */
import type { DataError } from "../cli/errors.ts";

type Fail = (reason: string) => DataError;

/** `joblib.numpy_pickle.NumpyArrayWrapper`, until its array is read. */
export class JoblibWrapper {}

/** What the wrapper says of its array. */
export interface JoblibArray {
  shape: unknown;
  dtype: unknown;
  isFortran: boolean;
  /** A byte that counts bytes of padding stands in front of the array. */
  isPadded: boolean;
}

/** @throws {DataError} when the state is not what joblib writes for a plain array */
export function joblibArray(state: unknown, fail: Fail): JoblibArray {
  if (!(state instanceof Map)) throw fail("the state of a joblib array must be a dict");
  const order = state.get("order"), shape = state.get("shape");
  if ((order !== "C" && order !== "F") || !Array.isArray(shape)) {
    throw fail("a joblib array lacks its order or shape");
  }
  return {
    shape,
    dtype: state.get("dtype"),
    isFortran: order === "F",
    isPadded: (state.get("numpy_array_alignment_bytes") ?? null) !== null,
  };
}
