/** .npy files that hold something else than is needed: what the message says. */
import { assert, assertRejects } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeNpy, readNpyDoubles, readNpyStrings } from "../../lib/io/npy.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** A file of no elements. */
function emptyOf(descr: string): Uint8Array {
  const text = new TextEncoder().encode(`{'descr': ${descr}, 'fortran_order': False, 'shape': (0, 2), }\n`);
  return Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0, ...text);
}

const fixtures = new URL("../fixtures/npy/", import.meta.url).pathname;
const asMatrix: [name: string, message: string][] = [
  [
    "dict",
    'it holds a dict of 3 entries ("ENSG1", "ENSG2", ...), a matrix of numbers is needed (with d = np.load(file, ' +
    "allow_pickle=True).item(), save np.stack(list(d.values())) with np.save, and list(d), its ids, into a file beside it)",
  ],
  [
    "rows",
    "it holds 2 rows as Python objects (an array of shape (3,)), a matrix of numbers is needed (save np.stack(list(a))",
  ],
  ["ragged_rows", "it holds rows of different lengths (3, 5), a matrix of numbers is needed"],
  [
    "numbers",
    'Python objects in an array of shape (2, 2), of which element 3 is None, a matrix of numbers is needed (save a.astype("float32")',
  ],
  ["text", "it holds text of shape (2,), a matrix of numbers is needed (are these the ids?)"],
  ["mixed", 'of which element 0 is text, "ENSG1"'],
  ["none", "it holds a Python object (None), a matrix of numbers is needed"],
  [
    "data_frame",
    "it holds a pandas object (pandas.core.frame.DataFrame); only plain data and NumPy arrays are read",
  ],
  ["missing_text", 'of which element 0 is text, "ENSG1"'],
  ["records", 'it is a record array with the fields "id", "vector", a plain array is needed'],
  [
    "long_doubles",
    'its dtype <f16 means long doubles, which differ from machine to machine (save a.astype("float64"))',
  ],
];
const asIds: [name: string, message: string][] = [
  [
    "dict",
    'it holds a dict of 3 entries ("ENSG1", "ENSG2", ...), ids are text (with d = np.load(file, allow_pickle=True).item(), save list(d)',
  ],
  ["rows", "element 0 of its object array is not text but an array of shape (3,) (ids are text)"],
  ["mixed", "element 1 of its object array is not text but the number 3"],
  ["missing_text", "element 1 of its object array is not text but None"],
  ["none", "element 0 of its object array is not text but None"],
  ["records", 'save one field with np.save, such as a["id"]'],
];
for (const [name, message] of asMatrix) {
  Deno.test(`readNpyDoubles() says what ${name}.npy holds and what to do`, async () => {
    const error = await assertRejects(() => readNpyDoubles(`${fixtures}${name}.npy`), DataError, message);
    assert(
      error.message.startsWith(`Cannot read "${fixtures}${name}.npy": `) && !error.message.includes("\n"),
    );
  });
}
for (const [name, message] of asIds) {
  Deno.test(`readNpyStrings() says what ${name}.npy holds and what to do`, async () => {
    await assertRejects(() => readNpyStrings(`${fixtures}${name}.npy`), DataError, message);
  });
}

Deno.test("readNpyDoubles() and readNpyStrings() say what else a file holds", async () => {
  const cases: [bytes: Uint8Array, matrix: string, ids: string][] = [
    [encodeNpy({ shape: [2], data: ["a", "b"] }), "a matrix is needed, it holds an array of shape (2,)", ""],
    [
      encodeNpy({ shape: [1, 2], data: ["a", "b"] }),
      "it holds text (<U1), a matrix of numbers is needed (are these the ids?)",
      "",
    ],
    [
      encodeNpy({ shape: [2, 2], data: ["a", "b", "c", "d"] }),
      "it holds text",
      "a list of ids is needed, it holds text of shape (2, 2)",
    ],
    [
      encodeNpy({ shape: [], data: Float64Array.of(3) }),
      "it holds a single value",
      "its dtype is <f8 of shape ()",
    ],
    [encodeNpy({ shape: [], data: ["a"] }), "it holds a single value", "it holds text of shape ()"],
    [
      encodeNpy({ shape: [2], data: Float32Array.of(1, 2) }),
      "shape (2,) (a[None] is one row",
      "ids are text, its dtype is <f4 of shape (2,) (are these the vectors?)",
    ],
    [
      encodeNpy({ shape: [1, 2, 1], data: Float32Array.of(1, 2) }),
      "shape (1, 2, 1) (one vector a row: a mean",
      "ids are text",
    ],
    [
      emptyOf("'<c8'"),
      "its dtype <c8 means complex numbers (save a.real",
      "complex numbers",
    ],
    [emptyOf("'<M8[D]'"), "dates or times", "dates or times"],
    [emptyOf("'|V4'"), "raw bytes without a type", "raw bytes"],
    [
      new TextEncoder().encode("id,d0\nA,1\n"),
      "it is text (a table is read when its name ends in .csv",
      "it is text",
    ],
    [Uint8Array.of(0x50, 0x4b, 3, 4), "it is a zip archive, as np.savez and torch.save write", "zip archive"],
    [Uint8Array.of(0x80, 4, 0x4e, 0x2e), "it is a pickle (load it in Python", "it is a pickle"],
    [new Uint8Array(16), "it is no .npy file (it does not start with \\x93NUMPY)", "no .npy file"],
  ];
  await inFolder(async (at) => {
    for (const [bytes, matrix, ids] of cases) {
      await Deno.writeFile(`${at}/x.npy`, bytes);
      await assertRejects(() => readNpyDoubles(`${at}/x.npy`), DataError, matrix);
      if (ids) await assertRejects(() => readNpyStrings(`${at}/x.npy`), DataError, ids);
    }
  });
});
