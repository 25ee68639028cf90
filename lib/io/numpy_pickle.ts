/** The few names of NumPy and Python that a pickle of arrays uses: what they mean here, and the refusal of all others. */
import type { DataError } from "../cli/errors.ts";
import {
  decodeElements,
  elementCount,
  type ElementType,
  type NumpyArray,
  type NumpyData,
  parseElementType,
} from "./numpy_array.ts";

type Fail = (reason: string) => DataError;

/** Bytes that may still be decoded into arrays; bounds what a small file can make of itself. */
export interface PickleBudget {
  bytes: number;
}

/** A name that a pickle refers to. Inert: it is called by `callGlobal` only. */
export class PickledGlobal {
  constructor(readonly meaning: Meaning) {}
}

/** An array, empty until its state is set. */
class PickledArray implements NumpyArray<NumpyData | unknown[]> {
  shape: number[] = [0];
  dtype = "|u1";
  data: NumpyData | unknown[] = new Uint8Array(0);
}

/** An element type; its byte order comes with its state. */
class PickledDtype {
  order = "<";
  constructor(readonly code: string) {}
}

type Meaning =
  | "reconstruct"
  | "scalar"
  | "frombuffer"
  | "ndarray"
  | "dtype"
  | "stringDtype"
  | "encode"
  | "bytearray"
  | "bytes"
  | "joblib"
  | "set"
  | "OrderedDict";

const meanings = new Map<string, Meaning>([
  // NumPy 1 says numpy.core, NumPy 2 numpy._core.
  ...["numpy.core", "numpy._core"].flatMap((core): [string, Meaning][] => [
    [`${core}.multiarray._reconstruct`, "reconstruct"],
    [`${core}.multiarray.scalar`, "scalar"],
    [`${core}.numeric._frombuffer`, "frombuffer"],
  ]),
  ["numpy._core._internal._convert_to_stringdtype_kwargs", "stringDtype"],
  ["numpy.ndarray", "ndarray"],
  ["numpy.dtype", "dtype"],
  ["_codecs.encode", "encode"],
  ["collections.OrderedDict", "OrderedDict"],
  ["joblib.numpy_pickle.NumpyArrayWrapper", "joblib"],
  ...["builtins", "__builtin__"].flatMap((module): [string, Meaning][] => [
    [`${module}.bytearray`, "bytearray"],
    [`${module}.bytes`, "bytes"], // empty ones, in protocols that have no bytes
    [`${module}.set`, "set"],
    [`${module}.frozenset`, "set"],
  ]),
]);

/** @throws {DataError} naming the class, for every name but those that arrays and plain data need */
export function resolveGlobal(module: string, name: string, fail: Fail): PickledGlobal {
  const meaning = meanings.get(`${module}.${name}`);
  if (meaning === undefined) {
    throw fail(unknownClass(module, name));
  }
  return new PickledGlobal(meaning);
}

/** A class that is not read, with what its file probably holds. */
export function unknownClass(module: string, name: string): string {
  const named = printable(`${module}.${name}`), [library] = named.split(".");
  if (library === "pandas") {
    return `it holds a pandas object (${named}); only plain data and NumPy arrays are read (to_parquet or to_csv writes a frame)`;
  }
  if (["sklearn", "torch", "xgboost", "lightgbm", "tensorflow", "keras"].includes(library)) {
    return `it holds an object of ${library} (${named}); only plain data and NumPy arrays are read`;
  }
  return `it names the class ${named}; only plain data and NumPy arrays are read`;
}

/** Bytes that an array takes. @throws {DataError} for an element type that we do not read, or of objects */
export function arrayBytes(shape: unknown, dtype: unknown, fail: Fail): number {
  const type = elementTypeOf(asDtype(dtype, fail), fail);
  if (!Array.isArray(shape)) throw fail("the shape of an array must be a tuple");
  if (type.kind === "O") throw fail("arrays of objects are not read from joblib files (pickle.dump them)");
  return elementCount(shape, fail) * type.itemBytes;
}

/** An array from its bytes. @throws {DataError} when they are too few or many */
export function arrayOf(
  shape: unknown,
  dtype: unknown,
  content: Uint8Array,
  isFortran: boolean,
  budget: PickleBudget,
  fail: Fail,
): NumpyArray<NumpyData | unknown[]> {
  return fill(new PickledArray(), shape, asDtype(dtype, fail), content, isFortran, budget, fail);
}

/** @throws {DataError} when the arguments are not those that NumPy itself writes */
export function callGlobal(
  { meaning }: PickledGlobal,
  parameters: unknown[],
  budget: PickleBudget,
  fail: Fail,
): unknown {
  const [first, second, third, fourth] = parameters;
  switch (meaning) {
    case "reconstruct":
      return new PickledArray();
    case "scalar":
      return scalar(asDtype(first, fail), second, budget, fail);
    case "frombuffer":
      return fill(new PickledArray(), third, asDtype(second, fail), first, fourth === "F", budget, fail);
    case "ndarray":
      return fill(new PickledArray(), first, asDtype(second, fail), third, false, budget, fail);
    case "dtype":
      return asDtype(first, fail);
    case "stringDtype": // text of any length: its elements are pickled like objects
      return new PickledDtype("O");
    case "encode":
      return encodeLatin1(first, second, budget, fail);
    case "joblib":
      throw fail("a joblib array is called as a function");
    case "bytes":
    case "bytearray":
      return parameters.length === 0 ? new Uint8Array(0) : asBytes(first, fail);
    case "set":
      return new Set(listOrNothing(first, fail));
    case "OrderedDict":
      return new Map(
        listOrNothing(first, fail).map((pair): [unknown, unknown] => {
          if (!Array.isArray(pair) || pair.length !== 2) throw fail("an OrderedDict is made of pairs");
          return [pair[0], pair[1]];
        }),
      );
  }
}

/** Set the state of an array or of an element type. @throws {DataError} for any other object or state */
export function buildState(target: unknown, state: unknown, budget: PickleBudget, fail: Fail): void {
  if (!Array.isArray(state)) throw fail("the state of an array must be a tuple");
  if (target instanceof PickledDtype) {
    const [, order, subtype, names] = state;
    if (typeof order !== "string" || !/^[<>=|]$/.test(order)) throw fail("a byte order is missing");
    if (subtype != null || names != null) throw fail("record arrays are not read");
    target.order = order;
  } else if (target instanceof PickledArray) {
    const [, shape, dtype, fortranOrder, content] = state;
    fill(target, shape, asDtype(dtype, fail), content, fortranOrder === true, budget, fail);
  } else {
    throw fail("state is set on what is no array");
  }
}

function fill(
  array: PickledArray,
  shape: unknown,
  dtype: PickledDtype,
  content: unknown,
  fortranOrder: boolean,
  budget: PickleBudget,
  fail: Fail,
): PickledArray {
  const type = elementTypeOf(dtype, fail);
  if (!Array.isArray(shape)) throw fail("the shape of an array must be a tuple");
  const count = elementCount(shape, fail);
  array.shape = [...shape];
  array.dtype = `${
    type.kind === "O" || type.kind === "S" || type.itemBytes === 1 ? "|" : dtype.order
  }${dtype.code}`;
  if (type.kind === "O") {
    if (!Array.isArray(content) || content.length !== count) {
      throw fail(`an array of ${count} objects lacks them`);
    }
    array.data = content;
    return array;
  }
  const bytes = asBytes(content, fail);
  if (type.itemBytes === 0 || bytes.length !== count * type.itemBytes) {
    throw fail(`an array of ${count} ${dtype.code} has ${bytes.length} bytes`);
  }
  spend(bytes.length, budget, fail);
  array.data = decodeElements(bytes, type, shape, fortranOrder, fail);
  return array;
}

/** One element as a plain value: number, bigint beyond 2^53, boolean or text. */
function scalar(dtype: PickledDtype, content: unknown, budget: PickleBudget, fail: Fail): unknown {
  const type = elementTypeOf(dtype, fail);
  if (type.kind === "O") return content;
  const bytes = asBytes(content, fail);
  if (bytes.length !== type.itemBytes) throw fail(`a ${dtype.code} has ${bytes.length} bytes`);
  if (type.itemBytes === 0) return "";
  spend(bytes.length, budget, fail);
  const [value] = decodeElements(bytes, type, [], false, fail);
  if (type.kind === "b") return value === 1;
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function elementTypeOf(dtype: PickledDtype, fail: Fail): ElementType {
  const type = parseElementType(dtype.order + dtype.code);
  if (type === null) throw fail(`dtype ${printable(dtype.code)} is not read here`);
  return type;
}

/** Text such as "i8" or "<i8", or an element type made before. */
function asDtype(value: unknown, fail: Fail): PickledDtype {
  if (value instanceof PickledDtype) return value;
  const match = typeof value === "string" ? /^([<>=|]?)([A-Za-z]\d{0,9})$/.exec(value) : null;
  if (match === null) throw fail("an element type is not understood");
  const dtype = new PickledDtype(match[2]);
  if (match[1] !== "") dtype.order = match[1];
  return dtype;
}

/** Protocol 2 has no bytes: they come as text whose characters are the bytes. */
function encodeLatin1(text: unknown, encoding: unknown, budget: PickleBudget, fail: Fail): Uint8Array {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) {
    throw fail("only text in latin1 is encoded");
  }
  spend(text.length, budget, fail);
  return Uint8Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    if (code > 255) throw fail("text in latin1 holds another character");
    return code;
  });
}

/** Bytes, or a str of Python 2, which holds an array's bytes there. */
function asBytes(value: unknown, fail: Fail): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (!(value instanceof Uint8Array)) throw fail("the content of an array must be bytes");
  return value;
}

function listOrNothing(value: unknown, fail: Fail): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw fail("a list is needed");
  return value;
}

function spend(bytes: number, budget: PickleBudget, fail: Fail): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0) throw fail("its arrays are many times larger than the file");
}

/** Names come from the file: keep errors to one short line. */
function printable(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, "?").slice(0, 100);
}
