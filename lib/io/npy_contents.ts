/** What an .npy file holds where something else is needed, in words, and what to do about it in NumPy. */
import type { NumpyArray } from "./numpy_array.ts";

/** Of a file that does not start as .npy files do. */
export function contentsOfOther(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0x50 && second === 0x4b) {
    return 'it is a zip archive, as np.savez and torch.save write (save one array of it with np.save, such as np.load(file)["name"])';
  }
  if (first === 0x80) return "it is a pickle (load it in Python and save the array with np.save)";
  if (
    bytes.length > 0 &&
    bytes.subarray(0, 200).every((byte) => byte >= 0x20 && byte < 0x7f || byte >= 9 && byte <= 13)
  ) {
    return "it is text (a table is read when its name ends in .csv or .tsv, a list of ids in .txt)";
  }
  return "it is no .npy file (it does not start with \\x93NUMPY)";
}

/** Of an element type that is not read. @param descr as in the header */
export function contentsOfType(descr: string): string {
  const kinds: [RegExp, string][] = [
    [/^[<>=|]?c/, "complex numbers (save a.real, or np.abs(a))"],
    [/^[<>=|]?f(12|16)$/, 'long doubles, which differ from machine to machine (save a.astype("float64"))'],
    [/^[<>=|]?[mM]/, "dates or times (save them as numbers, or as text)"],
    [/^[<>=|]?V/, "raw bytes without a type (save them with the type of their numbers, by a.view)"],
  ];
  const found = kinds.find(([pattern]) => pattern.test(descr));
  return found
    ? `its dtype ${descr} means ${found[1]}`
    : `its dtype ${descr} is not read here (f2, f4, f8, integers, b1, U, S, O)`;
}

/** Of a structured array. @param fields as in the header: [('id', '<U5'), ...] */
export function contentsOfRecords(fields: string): string {
  const names = Array.from(
    fields.matchAll(/\(\s*(?:'([^']*)'|"([^"]*)")\s*,/g),
    (match) => match[1] ?? match[2],
  );
  const some = names.slice(0, 5).map((name) => `"${short(name)}"`).join(", ");
  return `it is a record array${
    some && ` with the fields ${some}${names.length > 5 ? ", ..." : ""}`
  }, a plain array ` +
    `is needed (save one field with np.save, such as a[${JSON.stringify(short(names[0] ?? "name"))}])`;
}

/**
 * Of pickled objects, where a matrix of numbers is needed.
 *
 * @param content the objects; null where the pickle is no array of them
 */
export function objectsForMatrix(shape: readonly number[], content: readonly unknown[] | null): string {
  const needed = "a matrix of numbers is needed", load = "np.load(file, allow_pickle=True)";
  const [first] = content ?? [];
  if (shape.length === 0 && first instanceof Map) {
    return `it holds a dict of ${first.size} entries${
      keysOf(first)
    }, ${needed} (with d = ${load}.item(), save ` +
      `np.stack(list(d.values())) with np.save, and list(d), its ids, into a file beside it)`;
  }
  if (content === null || shape.length === 0) {
    return `it holds a Python object (${
      kindOf(first)
    }), ${needed} (save its numbers as a plain array with np.save)`;
  }
  if (content.every((item) => typeof item === "string")) {
    return `it holds text of ${sizeOf(shape)}, ${needed} (are these the ids?)`;
  }
  if (content.every(isSequence)) {
    const lengths = [...new Set(content.map(lengthOf))];
    return lengths.length === 1
      ? `it holds ${content.length} rows as Python objects (${
        kindOf(first)
      }), ${needed} (save np.stack(list(a)) with np.save)`
      : `it holds rows of different lengths (${lengths.slice(0, 3).join(", ")}${
        lengths.length > 3 ? ", ..." : ""
      }), ${needed} (make them equally long, then save np.stack(list(a)) with np.save)`;
  }
  const other = content.findIndex((item) => typeof item !== "number" && typeof item !== "bigint");
  return `it holds Python objects in an array of ${sizeOf(shape)}` +
    (other < 0 ? "" : `, of which element ${other} is ${kindOf(content[other])}`) +
    `, ${needed} (save a.astype("float32") with np.save)`;
}

/** Of pickled objects that are not text, where ids are needed. @param at the first that is none */
export function objectsForIds(content: readonly unknown[], at: number): string {
  const item = content[at];
  if (item instanceof Map) {
    return `it holds a dict of ${item.size} entries${keysOf(item)}, ids are text (with d = np.load(file, ` +
      `allow_pickle=True).item(), save list(d) with np.save)`;
  }
  return `element ${at} of its object array is not text but ${kindOf(item)} (ids are text)`;
}

/** Of an array of another shape than a matrix'. */
export function shapeForMatrix(shape: readonly number[], isText: boolean): string {
  const advice = isText || shape.length === 0
    ? ""
    : shape.length === 1
    ? " (a[None] is one row, a[:, None] one column)"
    : shape.length === 3
    ? " (one vector a row: a mean over one axis, such as a.mean(axis=1))"
    : " (a.reshape(len(a), -1) makes rows of it)";
  return `a matrix is needed, it holds ${
    shape.length === 0 ? "a single value" : `an array of ${sizeOf(shape)}`
  }${advice}`;
}

/** "shape (3, 4)", as Python writes it. */
export function sizeOf(shape: readonly number[]): string {
  return `shape (${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

function keysOf(map: Map<unknown, unknown>): string {
  const keys = [...map.keys()].filter((key) => typeof key === "string").slice(0, 2);
  return keys.length === 0
    ? ""
    : ` (${keys.map((key) => `"${short(key)}"`).join(", ")}${map.size > keys.length ? ", ..." : ""})`;
}

function kindOf(item: unknown): string {
  if (item === null || item === undefined) return "None";
  if (typeof item === "string") return `text, "${short(item)}"`;
  if (typeof item === "number" || typeof item === "bigint") {
    return `the number ${Number.isNaN(item) ? "nan" : item}`;
  }
  if (typeof item === "boolean") return item ? "True" : "False";
  if (isNumpyArray(item)) return `an array of ${sizeOf(item.shape)}`;
  if (Array.isArray(item)) return `a list of ${item.length}`;
  if (item instanceof Map) return `a dict of ${item.size}`;
  return "another object";
}

function isSequence(item: unknown): item is NumpyArray | unknown[] {
  return Array.isArray(item) || isNumpyArray(item);
}

function lengthOf(item: unknown[] | NumpyArray): number {
  return Array.isArray(item) ? item.length : item.shape[0] ?? 0;
}

export function isNumpyArray(value: unknown): value is NumpyArray {
  return typeof value === "object" && value !== null && "data" in value && "shape" in value;
}

/** Text of the file, to one short line. */
function short(text: string): string {
  const plain = text.replace(/\p{C}/gu, "?");
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain;
}
