/**
 * Python pickles that hold plain data and NumPy arrays, protocols 0 to 5, also packed with gzip or zlib and those that
 * joblib writes.
 *
 * Reading runs nothing: the opcodes that could call or build anything else are refused by name, and of all classes only
 * those of `numpy_pickle.ts` are known. What comes out: None as null, int as number (bigint beyond 2^53), dict as Map,
 * list and tuple as array, set as Set, bytes as Uint8Array, arrays as `NumpyArray`.
 */
import { joblibArray, JoblibWrapper } from "./joblib_array.ts";
import { arrayBytes, arrayOf, buildState, callGlobal, PickledGlobal, resolveGlobal } from "./numpy_pickle.ts";
import { pickleBytes } from "./pickle_bytes.ts";
import { readFileBytes } from "./read_file.ts";
import { type PickleDialect, type PickleStream, Unpickler } from "./unpickler.ts";

export { encodeSplitsPickle, type Splits } from "./splits_pickle.ts";

/** @throws {DataError} for anything but a whole pickle of plain data and NumPy arrays */
export async function readPickle(path: string): Promise<unknown> {
  return parsePickle(await readFileBytes(path), path);
}

/** As `readPickle`, from bytes; `name` is what errors call the file. Bytes behind the pickle's end are ignored. */
export function parsePickle(bytes: Uint8Array, name: string): unknown {
  return new Unpickler(pickleBytes(bytes, name), name, numpyDialect).load();
}

const onlyArrays = "only the constructors of NumPy arrays may be called";

/** Plain data and NumPy arrays; of classes that make objects only joblib's wrapper is known. */
const numpyDialect: PickleDialect = {
  resolve: (module, name, { fail }) => resolveGlobal(module, name, fail),
  call(callable, parameters, { budget, fail }) {
    if (!(callable instanceof PickledGlobal) || !Array.isArray(parameters)) throw fail(onlyArrays);
    return callGlobal(callable, parameters, budget, fail);
  },
  create(type, _parameters, { fail }) {
    if (!(type instanceof PickledGlobal) || type.meaning !== "joblib") throw fail(onlyArrays);
    return new JoblibWrapper();
  },
  build(object, state, stream) {
    if (object instanceof JoblibWrapper) return readJoblibArray(state, stream);
    buildState(object, state, stream.budget, stream.fail);
    return object;
  },
  persistent(_id, { fail }) {
    throw fail("persistent ids are beyond plain data and NumPy arrays");
  },
};

function readJoblibArray(state: unknown, { take, length, budget, fail }: PickleStream): unknown {
  const { shape, dtype, isFortran, isPadded } = joblibArray(state, fail);
  if (isPadded) take(length());
  return arrayOf(shape, dtype, take(arrayBytes(shape, dtype, fail)), isFortran, budget, fail);
}
