import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import {
  encodeNpy,
  parseNpy,
  readNpy,
  readNpyDoubles,
  readNpyMatrix,
  readNpyStrings,
  writeNpy,
} from "../../lib/io/npy.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { golden } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { parse as parseWithNpyjs } from "npm:npyjs@1.2.0";
import { mutated } from "../support/mutate.ts";

const folder = golden("classical/unit/npy")!;
interface Content {
  dtype: string;
  shape: number[];
  values: unknown;
}
const contents: Record<string, Content> = JSON.parse(Deno.readTextFileSync(`${folder}/content.json`));
const file = (name: string) => Deno.readFileSync(`${folder}/${name}.npy`);

for (const [name, { dtype, shape, values }] of Object.entries(contents)) {
  Deno.test(`readNpy() reads ${name}.npy (${dtype})`, async () => {
    const array = await readNpy(`${folder}/${name}.npy`);
    assertEquals(array.dtype, dtype);
    assertEquals(array.shape, shape);
    const expected = (Array.isArray(values) ? values : [values]).flat(Infinity) as unknown[];
    assertEquals(Array.from(array.data, plain), expected.map((v) => typeof v === "boolean" ? Number(v) : v));
  });
}

/** As the reference JSON writes it: NaN null, infinities and 64-bit integers as text. */
function plain(value: number | bigint | string): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? null : String(value);
}

Deno.test("encodeNpy() writes byte for byte what numpy.save writes", () => {
  for (const name of ["f4", "f8", "special_f4", "empty_f4", "scalar_f8", "i8"]) {
    const { shape, data } = parseNpy(file(name), name);
    assertEquals(encodeNpy({ shape, data: data as Float32Array }), file(name), name);
  }
  const { shape, data } = parseNpy(file("U15"), "U15");
  assertEquals(encodeNpy({ shape, data: data as string[] }), file("U15"));
});

Deno.test("encodeNpy() leaves the room in the header that numpy.save leaves for the first size to grow", () => {
  const lengths = [1, 14, 15].map((sizes) =>
    encodeNpy({ shape: Array(sizes).fill(1), data: new Float32Array(1) }).length
  );
  assertEquals(lengths, [132, 132, 196]);
});

Deno.test("encodeNpy() writes text beyond the basic plane, and empty text, as NumPy's <U", () => {
  for (const data of [["a\u{1d538}b", "", "größe"], [""], []]) {
    const array = parseNpy(encodeNpy({ shape: [data.length], data }), "x");
    assertEquals(array.data, data);
  }
  assertEquals(parseNpy(encodeNpy({ shape: [1], data: [""] }), "x").dtype, "<U1");
});

Deno.test("encodeNpy() refuses a shape of another size than the data", () => {
  assertThrows(
    () => encodeNpy({ shape: [2, 3], data: new Float32Array(5) }),
    RangeError,
    "does not hold 5 elements",
  );
});

Deno.test("writeNpy() writes what readNpyMatrix() and readNpyStrings() read", async () => {
  const at = await Deno.makeTempDir();
  await writeNpy(`${at}/m.npy`, { shape: [2, 2], data: new Float32Array([1, 2, 3, NaN]) });
  assertEquals(await readNpyMatrix(`${at}/m.npy`), {
    data: new Float32Array([1, 2, 3, NaN]),
    rows: 2,
    columns: 2,
  });
  await writeNpy(`${at}/ids.npy`, { shape: [2], data: ["ENSG1", "TP53"] });
  assertEquals(await readNpyStrings(`${at}/ids.npy`), ["ENSG1", "TP53"]);
  await Deno.remove(at, { recursive: true });
});

Deno.test("readNpyMatrix() narrows float64, readNpyDoubles() keeps it, both widen float16 and whole numbers", async () => {
  const f8 = await readNpyMatrix(`${folder}/fortran_f8.npy`), f4 = await readNpyMatrix(`${folder}/f4.npy`);
  assert(f8.data instanceof Float32Array && f4.data instanceof Float32Array);
  assert((await readNpyDoubles(`${folder}/fortran_f8.npy`)).data instanceof Float64Array);
  assert((await readNpyDoubles(`${folder}/f4.npy`)).data instanceof Float32Array);
  assertEquals((await readNpyMatrix(`${folder}/f2.npy`)).rows, 3);
  await inFolder(async (at) => {
    const data = BigInt64Array.of(3n, -2n, 2n ** 40n, 0n);
    await writeNpy(`${at}/i8.npy`, { shape: [2, 2], data });
    assertEquals((await readNpyDoubles(`${at}/i8.npy`)).data, Float64Array.of(3, -2, 2 ** 40, 0));
  });
});

Deno.test("readNpyStrings() reads <U, |S and objects, one column of them too", async () => {
  for (const name of ["U15", "S15", "object_str"]) {
    assertEquals((await readNpyStrings(`${folder}/${name}.npy`))[0], "ENSG00000142611");
  }
  await inFolder(async (at) => {
    await writeNpy(`${at}/column.npy`, { shape: [2, 1], data: ["a", "b"] });
    assertEquals(await readNpyStrings(`${at}/column.npy`), ["a", "b"]);
  });
});

Deno.test("npyjs reads what encodeNpy() writes, and its plain arrays as parseNpy() does", () => {
  const written = [
    { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, NaN, Infinity, 0) },
    { shape: [3], data: Float64Array.of(1e300, -0, 2 ** -1074) },
    { shape: [1, 2], data: BigInt64Array.of(2n ** 62n, -1n) },
  ];
  for (const array of written) {
    const { data, shape } = parseWithNpyjs(encodeNpy(array).buffer);
    assertEquals({ data: data as ArrayBufferView, shape }, array);
  }
  for (const name of ["f4", "f8", "i8", "special_f4"]) {
    const theirs = parseWithNpyjs(file(name).slice().buffer), ours = parseNpy(file(name), name);
    assertEquals({ data: theirs.data as ArrayBufferView, shape: theirs.shape }, {
      data: ours.data,
      shape: ours.shape,
    });
  }
});

/** Behind a header for `count` objects, the pickles that NumPy writes. */
const objects = (count: number, base64: string) =>
  withHeader(
    header("'|O'", `(${count},)`),
    Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
  );

Deno.test("parseNpy() reads objects that are text, bytes, or NumPy's text scalars", () => {
  const pickled =
    "gANjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJDAWJxA4dxBFJxBShLAUsEhXEGY251bXB5CmR0eXBlCnEHWAIAAABPOHEIiYiHcQlScQooSwNYAQAAAHxxC05OTkr/////Sv////9LP3RxDGKJXXENKFgBAAAAYXEOQwF4cQ9jbnVtcHkuY29yZS5tdWx0aWFycmF5CnNjYWxhcgpxEGgHWAIAAABVMXERiYiHcRJScRMoSwNYAQAAADxxFE5OTksESwRLCHRxFWJDBHEAAABxFoZxF1JxGGgQaAdYAgAAAFMxcRmJiIdxGlJxGyhLA2gLTk5OSwFLAUsAdHEcYkMBeXEdhnEeUnEfZXRxIGIu";
  assertEquals(parseNpy(objects(4, pickled), "x").data, ["a", "x", "q", "y"]);
});

Deno.test("parseNpy() reads NumPy 2's object arrays and its text of any length (StringDType)", () => {
  const object =
    "gASVkgAAAAAAAACMFm51bXB5Ll9jb3JlLm11bHRpYXJyYXmUjAxfcmVjb25zdHJ1Y3SUk5SMBW51bXB5lIwHbmRhcnJheZSTlEsAhZRDAWKUh5RSlChLAUsChZRoA4wFZHR5cGWUk5SMAk84lImIh5RSlChLA4wBfJROTk5K/////0r/////Sz90lGKJXZQojAFhlIwBYpRldJRiLg==";
  assertEquals(parseNpy(objects(2, object), "x").data, ["a", "b"]);
  const text =
    "gASVpQAAAAAAAACMFm51bXB5Ll9jb3JlLm11bHRpYXJyYXmUjAxfcmVjb25zdHJ1Y3SUk5SMBW51bXB5lIwHbmRhcnJheZSTlEsAhZRDAWKUh5RSlChLAUsChZSMFW51bXB5Ll9jb3JlLl9pbnRlcm5hbJSMHl9jb252ZXJ0X3RvX3N0cmluZ2R0eXBlX2t3YXJnc5STlEsBhZRSlIldlCiMAWGUjANiw7yUZXSUYi4=";
  assertEquals(parseNpy(objects(2, text), "x").data, ["a", "bü"]);
});

Deno.test("parseNpy() refuses objects that are no text, naming the first", () => {
  const pickled =
    "gANjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJDAWJxA4dxBFJxBShLAUsChXEGY251bXB5CmR0eXBlCnEHWAIAAABPOHEIiYiHcQlScQooSwNYAQAAAHxxC05OTkr/////Sv////9LP3RxDGKJXXENKFgBAAAAYXEOR3/4AAAAAAAAZXRxD2Iu";
  assertThrows(
    () => parseNpy(objects(2, pickled), "x"),
    DataError,
    "element 1 of its object array is not text but the number nan",
  );
});

const withHeader = (header: string, data = new Uint8Array(0)) => {
  const text = new TextEncoder().encode(header);
  return Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0, ...text, ...data);
};
const header = (descr: string, shape: string, order = "False") =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

Deno.test("parseNpy() reads a header as other writers lay it out", () => {
  const data = new Uint8Array(new Float32Array([1, 2]).buffer);
  const odd = `{"shape":(2L, ),"fortran_order":False,"descr":"=f4"}`;
  assertEquals(parseNpy(withHeader(odd, data), "x").data, new Float32Array([1, 2]));
});

const f4 = file("f4");
const refused: [what: string, bytes: Uint8Array, message: string][] = [
  [
    "an empty file",
    new Uint8Array(0),
    'Cannot read "x.npy": it is no .npy file (it does not start with \\x93NUMPY)',
  ],
  ["another magic", file("f4").fill(0, 0, 1), "it is no .npy file"],
  ["an unknown version", Uint8Array.of(...f4.subarray(0, 6), 4, ...f4.subarray(7)), "its .npy version is 4"],
  ["a file cut off in its header", f4.subarray(0, 60), "its header should end at byte 128, the file at 60"],
  ["a file cut off behind its version", f4.subarray(0, 9), "it ends within its header"],
  [
    "a file shorter than its header says",
    f4.subarray(0, f4.length - 4),
    "it holds 44 bytes of data, its header says 48 (<f4 of shape (3, 4)); is the file cut off?",
  ],
  ["a header that is no dict", withHeader("hello\n"), "its .npy header is not understood: hello"],
  [
    "a header without shape",
    withHeader("{'descr': '<f4', 'fortran_order': False, }"),
    "header is not understood",
  ],
  ["a shape of letters", withHeader(header("'<f4'", "(3, L)")), "its shape is not understood"],
  ["a shape without end", withHeader(header("'<f4'", `(${"1".repeat(60)}`)), "header is not understood"],
  ["a shape beyond all memory", withHeader(header("'<f4'", "(999999999, 999999999)")), "is too large"],
  [
    "a shape of more data than there is",
    withHeader(header("'<f8'", "(99999999,)")),
    "its header says 799999992",
  ],
  ["complex numbers", withHeader(header("'<c8'", "(0,)")), "its dtype <c8 means complex numbers"],
  [
    "record arrays",
    withHeader(header("[('a', '<f4')]", "(0,)")),
    'it is a record array with the fields "a", a plain array is needed',
  ],
  ["objects that are no pickle", withHeader(header("'|O'", "(1,)")), "it is no pickle"],
  [
    "text beyond Unicode",
    withHeader(header("'<U1'", "(1,)"), Uint8Array.of(0, 0, 0x11, 0)),
    "element 0 holds no Uni",
  ],
  [
    "bytes that are not UTF-8",
    withHeader(header("'|S1'", "(1,)"), Uint8Array.of(0xff)),
    "element 0 is not UTF-8",
  ],
  [
    "endless empty text",
    withHeader(header("'<U0'", "(999999999,)")),
    "it says that it holds 999999999 empty strings",
  ],
];
for (const [what, bytes, message] of refused) {
  Deno.test(`readNpy() refuses ${what}`, () => {
    assertThrows(() => parseNpy(bytes, "x.npy"), DataError, message);
  });
}

Deno.test("readNpy() names a file that is not there", async () => {
  await assertRejects(() => readNpy("none.npy"), DataError, 'Cannot read "none.npy": there is no such file');
});

Deno.test("parseNpy() of 6,000 damaged files gives an array or a DataError", () => {
  const stream = new ModelStream(1, "npy");
  const originals = Object.keys(contents).map(file);
  for (let i = 0; i < 6000; i++) {
    const bytes = mutated(originals[i % originals.length], stream);
    try {
      const { shape, data } = parseNpy(bytes, "x.npy");
      assert(data.length === shape.reduce((product, size) => product * size, 1));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
});
