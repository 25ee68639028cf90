import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeSplitsPickle, parsePickle, readPickle } from "../../lib/io/pickle.ts";
import { readSplitsFile } from "../../lib/dataset/splits_file.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { golden } from "../support/golden.ts";
import { mutated } from "../support/mutate.ts";
import { inFolder } from "../support/temporary_folder.ts";

const folder = golden("classical/unit/pickle")!;
const contents: Record<string, Record<string, unknown>> = JSON.parse(
  Deno.readTextFileSync(`${folder}/content.json`),
);
const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".pkl"))
  .sort();

for (const name of files) {
  Deno.test(`readPickle() reads ${name}`, async () => {
    const expected = contents[name.replace(/(_numpy2)?_p\d\.pkl$/, "")];
    const folds = expected.fold_splits as (number[][] | { train: number[]; test: number[] })[];
    const pairs = folds.map((fold) => Array.isArray(fold) ? fold : [fold.train, fold.test]);
    assertEquals(plain(await readPickle(`${folder}/${name}`)), { ...expected, fold_splits: pairs });
  });
}

/** As the reference JSON writes it: dicts as objects, arrays nested by their shape, bytes as latin1 text. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  if (value instanceof Uint8Array) return String.fromCharCode(...value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const { shape, data } = value as { shape: number[]; data: ArrayLike<unknown> };
  const flat = Array.from(data, (item) => typeof item === "bigint" ? Number(item) : item);
  if (shape.length === 1) return flat;
  return Array.from({ length: shape[0] }, (_, row) => flat.slice(row * shape[1], (row + 1) * shape[1]));
}

/** A pickle of protocol 4 from its opcodes, each character a byte. */
const pickle = (opcodes: string, protocol = 4) =>
  Uint8Array.from(`\x80${String.fromCharCode(protocol)}${opcodes}`, (character) => character.charCodeAt(0));
const parse = (opcodes: string) => parsePickle(pickle(opcodes), "x.pkl");

Deno.test("parsePickle() reads every kind of plain value", () => {
  assertEquals(parse("N."), null);
  assertEquals(parse("(\x88\x89K\x07M\x01\x02J\xfe\xff\xff\xffG\x3f\xf8\0\0\0\0\0\0t."), [
    true,
    false,
    7,
    513,
    -2,
    1.5,
  ]);
  assertEquals(parse("(\x8a\0\x8a\x01\xff\x8a\x09\0\0\0\0\0\0\0\0\x01\x8b\x02\0\0\0\0\x80l."), [
    0,
    -1,
    2n ** 64n,
    -32768,
  ]);
  assertEquals(parse("(\x8c\x02\xc3\xb6X\x01\0\0\0aU\x01bC\x01\xffB\x01\0\0\0\x01t."), [
    "ö",
    "a",
    "b",
    Uint8Array.of(255),
    Uint8Array.of(1),
  ]);
  assertEquals(parse("}(K\x01K\x02K\x03]K\x09au."), new Map<number, unknown>([[1, 2], [3, [9]]]));
  assertEquals(parse("(K\x01K\x02d."), new Map([[1, 2]]));
  assertEquals(parse("\x8f(K\x01K\x01K\x02\x90."), new Set([1, 2]));
  assertEquals(parse("(K\x05\x91."), new Set([5]));
  assertEquals(parse("ccollections\nOrderedDict\n)R(K\x01N\x75."), new Map([[1, null]]));
  assertEquals(parse("cbuiltins\nset\n]K\x04a\x85R."), new Set([4]));
});

Deno.test("parsePickle() keeps shared objects shared, and objects that hold themselves", () => {
  const [first, second] = parse("(]q\x05h\x05t.") as unknown[][];
  assert(first === second);
  const list = parse("]\x94h\0a.") as unknown[];
  assert(list[0] === list);
});

Deno.test("parsePickle() leaves prototypes alone", () => {
  const map = parse("}\x8c\x09__proto__}\x8c\x08polluted\x88ss.") as Map<string, unknown>;
  assertEquals(map.get("__proto__"), new Map([["polluted", true]]));
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

const onlyPlain = "only plain data and NumPy arrays are read";
const refused: [what: string, opcodes: string, message: string][] = [
  [
    "a foreign class by its name",
    "cos\nsystem\n\x8c\x04true\x85R.",
    `it names the class os.system; ${onlyPlain}`,
  ],
  [
    "a foreign class named on the stack",
    "\x8c\x05posix\x8c\x06system\x93)R.",
    "it names the class posix.system",
  ],
  ["eval", "cbuiltins\neval\n\x8c\x011\x85R.", "it names the class builtins.eval"],
  [
    "a dotted way to a foreign name",
    "\x8c\x05numpy\x8c\x0dload.__self__\x93.",
    "it names the class numpy.load.__self__",
  ],
  ["a class that is instantiated by INST", "(ios\nsystem\n.", "it names the class os.system"],
  ["an object of a class", "cnumpy\nndarray\n)\x81.", "only the constructors of NumPy arrays may be called"],
  ["an object of a class with keywords", "cnumpy\nndarray\n)}\x92.", "only the constructors of NumPy arrays"],
  ["a persistent id", "Pabc\n.", "persistent ids"],
  ["a persistent id on the stack", "NQ.", "persistent ids"],
  ["a registered extension", "\x82\x01.", "opcode EXT1"],
  ["an out-of-band buffer", "\x97.", "opcode NEXT_BUFFER"],
  ["an unknown opcode", "\xff.", "opcode 0xff"],
  ["a call of what is no class", "])R.", "only the constructors of NumPy arrays may be called"],
  ["a call with arguments that are no tuple", "cbuiltins\nset\nNR.", "only the constructors of NumPy arrays"],
  ["state set on a dict", "}(Nt\x62.", "state is set on what is no array"],
  ["state set on a class", "cnumpy\nndarray\n(Nt\x62.", "state is set on what is no array"],
  [
    "text encoded as anything but latin1",
    "c_codecs\nencode\n\x8c\x01a\x8c\x03rot\x86R.",
    "only text in latin1",
  ],
  [
    "text in latin1 that is not",
    "c_codecs\nencode\n\x8c\x03\xe2\x82\xac\x8c\x06latin1\x86R.",
    "holds another character",
  ],
  [
    "record arrays",
    "cnumpy\ndtype\n\x8c\x02i8\x85R(K\x03\x8c\x01<\x88NNt\x62.",
    "record arrays are not read",
  ],
  [
    "an array with fewer bytes than its shape",
    "cnumpy\nndarray\nK\x05\x85\x8c\x03<i8C\x01a\x87R.",
    "an array of 5 i8 has 1 bytes",
  ],
  [
    "a negative shape",
    "cnumpy\nndarray\nJ\xff\xff\xff\xff\x85\x8c\x03<i8C\0\x87R.",
    "shape (-1) is not made of whole",
  ],
  ["complex numbers", "cnumpy\nndarray\nK\0\x85\x8c\x03<c8C\0\x87R.", "dtype c8 is not read here"],
  ["a memo entry that was never made", "h\x07.", "memo entry 7 is used before it is made"],
  ["a stack that runs empty", ".", "its stack runs empty"],
  ["an append to what is no list", "}Na.", "items are appended to what is no list"],
  ["a mark that is missing", "t.", "a mark is missing"],
  ["a dict with a key and no value", "}(K\x01u.", "keys and values are set on what is no dict"],
  ["an end that is missing", "N", "it ends too early (is the file cut off?)"],
  ["text longer than the file", "X\xff\xff\xff\x7fa.", "it ends too early"],
  ["bytes of 2^60", "\x8e\0\0\0\0\0\0\0\x10a.", "it ends too early"],
  ["a frame longer than the file", "\x95\0\0\0\0\0\0\0\x10N.", "it ends within a frame"],
  ["a name without end", "cnumpy", "it ends within a line"],
  ["an integer of a million bytes", "\x8b\x40\x42\x0f\0.", "an integer of 1000000 bytes is too large"],
  ["text that is not UTF-8", "\x8c\x01\xff.", "text is not UTF-8"],
];
for (const [what, opcodes, message] of refused) {
  Deno.test(`parsePickle() refuses ${what}`, () => {
    assertThrows(() => parse(opcodes), DataError, message);
  });
}

Deno.test("parsePickle() says the file and the byte where it stopped", () => {
  const error = assertThrows(() => parse("]cos\nsystem\n."), DataError);
  assertEquals(error.message, `Cannot read "x.pkl": byte 14: it names the class os.system; ${onlyPlain}`);
});

Deno.test("parsePickle() refuses later protocols and says what a file is that is no pickle", () => {
  assertThrows(() => parsePickle(pickle("N.", 6), "x"), DataError, "pickle protocol 6 is not 0 to 5");
  const kinds = [
    ["", "an empty file"],
    ["gene_id,ENSG1\nA,1\n", "text"],
    ['{"method": "5fold"}', "JSON or other text"],
    ["<!DOCTYPE html><p>404.", "a web page"],
    ["version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"],
    ["\x93NUMPY\x01\0", "a NumPy .npy file"],
    ["PK\x03\x04", "a zip archive"],
    ["PAR1", "a Parquet file"],
    ["\x89HDF\r\n", "an HDF5 file"],
    ["\0\0\0\0", "something else"],
  ];
  for (const [text, kind] of kinds) {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    assertThrows(() => parsePickle(bytes, "x"), DataError, `it is no pickle but ${kind}`);
  }
});

const own = fromFileUrl(new URL("../fixtures/pickle/", import.meta.url));
const { folds } = JSON.parse(Deno.readTextFileSync(`${own}content.json`));

for (const name of ["p0", "p1", "p2", "gzip", "zlib", "joblib", "joblib_zlib"]) {
  Deno.test(`readPickle() reads ${name}.pkl`, async () => {
    const content = await readPickle(`${own}${name}.pkl`) as Map<string, unknown>;
    const { fold_splits, ...rest } = plain(content) as Record<string, unknown>;
    assertEquals(fold_splits, folds);
    assertEquals(rest, {
      method: "2fold",
      n_splits: 2,
      random_state: -1,
      total_samples: 256,
      "größe\\": 2.5,
      big: 2n ** 70n,
      flag: true,
      none: null,
      raw: "",
    });
  });
}

for (const name of ["python2_p0", "python2_p1"]) {
  Deno.test(`readPickle() reads ${name}.pkl, whose arrays are text of Python 2`, async () => {
    assertEquals(plain(await readPickle(`${own}${name}.pkl`)), { total_samples: 256, fold_splits: folds });
  });
}

for (
  const [name, message] of [
    ["frame", "it holds a pandas object (pandas.core.frame.DataFrame)"],
    ["model", "it holds an object of sklearn (sklearn.linear_model._ridge.Ridge)"],
    ["bz2", "it is packed with bzip2 (unpack it first"],
    ["xz", "it is packed with xz (unpack it first"],
  ]
) {
  Deno.test(`readPickle() says what ${name}.pkl holds`, async () => {
    await assertRejects(() => readPickle(`${own}${name}.pkl`), DataError, message);
  });
}

for (
  const [name, message] of [
    ["list", "it holds a list or tuple of 3 (a dict with the key fold_splits is needed)"],
    ["array", "it holds an array of shape (2, 3) (a dict with the key fold_splits is needed)"],
  ]
) {
  Deno.test(`readSplitsFile() says what ${name}.pkl holds`, async () => {
    await assertRejects(() => readSplitsFile(`${own}${name}.pkl`), DataError, message);
  });
}

Deno.test("readSplitsFile() names the keys of another dict", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/x.pkl`, pickle("}(\x8c\x05trainN\x8c\x04testNu."));
    await assertRejects(
      () => readSplitsFile(`${folder}/x.pkl`),
      DataError,
      'it holds a dict with the keys "train", "test" (a dict with the key fold_splits is needed)',
    );
  });
});

Deno.test("parsePickle() reads the text opcodes as Python does", () => {
  const text = (opcodes: string) =>
    parsePickle(Uint8Array.from(opcodes, (character) => character.charCodeAt(0)), "x.pkl");
  assertEquals(text("(I01\nI00\nI1\nL-3L\nF1e-3\nF-inf\nFnan\nlp0\n."), [
    true,
    false,
    1,
    -3,
    0.001,
    -Infinity,
    NaN,
  ]);
  assertEquals(text("(S'a\\x41\\n\\101\\q'\nV\\u20acx\\U0001F600\xe9\nt."), ["aA\nA\\q", "€x😀é"]);
  assertEquals(
    text("(lp0\ng0\na."),
    (() => {
      const list: unknown[] = [];
      list.push(list);
      return list;
    })(),
  );
  for (
    const [opcodes, message] of [
      ["I1x\n.", "an integer is not made of digits"],
      [`L${"9".repeat(3000)}L\n.`, "an integer of 3000 digits is too large"],
      ["F1,5\n.", "a float is not a decimal number"],
      ["Sabc\n.", "a text lacks its quotes"],
      ["Np-1\n.", "memo entry is not made of digits"],
      ["V\\UFFFFFFFF\n.", "beyond Unicode"],
    ]
  ) assertThrows(() => text(opcodes), DataError, message);
});

Deno.test("parsePickle() takes a memo index of 2^32 - 1 without making room for all below it", () => {
  assertEquals(parse("Nr\xff\xff\xff\xff0j\xff\xff\xff\xff."), null);
});

Deno.test("parsePickle() stops before a small file makes gigabytes of arrays", () => {
  // 64 KiB of bytes, remembered once, turned into an array 2,000 times.
  const array = "cnumpy\nndarray\nJ\0\0\x01\0\x85\x8c\x03|u1h\0\x87R0";
  const opcodes = `B\0\0\x01\0${"\0".repeat(65536)}q\x000${array.repeat(2000)}N.`;
  assertThrows(() => parse(opcodes), DataError, "its arrays are many times larger than the file");
});

const splits = {
  method: "2fold",
  nSplits: 2,
  randomState: 4294967295,
  totalSamples: 5,
  folds: [{ train: [0, 1, 2], test: Int32Array.of(3, 4) }, { train: [3, 4], test: [0, 1, 2] }],
  perturbations: ["TP53", "größe"],
};

Deno.test("encodeSplitsPickle() writes what readPickle() reads: the keys of the Python scripts and our own", () => {
  assertEquals(plain(parsePickle(encodeSplitsPickle(splits), "x")), {
    method: "2fold",
    n_splits: 2,
    random_state: 4294967295,
    total_samples: 5,
    fold_splits: [[[0, 1, 2], [3, 4]], [[3, 4], [0, 1, 2]]],
    perturbations: ["TP53", "größe"],
  });
  const { perturbations: _, ...without } = splits;
  assert(!(parsePickle(encodeSplitsPickle(without), "x") as Map<string, unknown>).has("perturbations"));
});

Deno.test("encodeSplitsPickle() writes the bytes that were loaded in Python 3.11 with NumPy 1.24 and 2.4", async () => {
  const digest = await crypto.subtle.digest("SHA-256", encodeSplitsPickle(splits));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(hex, "9052601c98e5f9a0254fea021c665934cad4b9e28f12275e8022d956b7315589");
});

Deno.test("readPickle() names a file that is not there", async () => {
  await assertRejects(
    () => readPickle("none.pkl"),
    DataError,
    'Cannot read "none.pkl": there is no such file',
  );
});

Deno.test("parsePickle() of 10,000 damaged files gives a value or a DataError", () => {
  const stream = new ModelStream(2, "pickle");
  const originals = files.filter((name) => !name.includes("377")).map((name) =>
    Deno.readFileSync(`${folder}/${name}`)
  ).concat(
    ["p0", "python2_p0", "python2_p1", "joblib"].map((name) => Deno.readFileSync(`${own}${name}.pkl`)),
  );
  for (let i = 0; i < 10_000; i++) {
    try {
      parsePickle(mutated(originals[i % originals.length], stream), "x.pkl");
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
});
