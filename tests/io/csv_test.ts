import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import {
  encodeCsv,
  isMissing,
  parseCsvTable,
  parseNumericCsv,
  readCsvTable,
  readNumericCsv,
  sampleCsvTable,
} from "../../lib/io/csv.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { golden } from "../support/golden.ts";
import { mutated } from "../support/mutate.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const numeric = (text: string, labels: number | string[] = 1) =>
  parseNumericCsv(bytes(text), "t.csv", { labels });
const table = (text: string) => parseCsvTable(bytes(text), "t.csv");

const folder = golden("classical/unit/csv")!;
for (const file of ["edge.csv", "edge_crlf.csv"]) {
  Deno.test(`readNumericCsv() reads ${file} as pandas does`, async () => {
    const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`)) as {
      columns: string[];
      rows: (string | number | null)[][];
    };
    const { labels, columns, values } = await readNumericCsv(`${folder}/${file}`, {
      labels: ["gene_name", "gene_id"],
    });
    assertEquals([...Object.keys(labels), ...columns], expected.columns);
    assertEquals(values.rows, expected.rows.length);
    expected.rows.forEach((row, i) => {
      const text = [labels.gene_name[i], labels.gene_id[i]].map((cell) => isMissing(cell) ? null : cell);
      assertEquals(text, row.slice(0, 2));
      const numbers = row.slice(2).map((cell) => cell === null ? NaN : Math.fround(Number(cell)));
      assertEquals([...values.data.subarray(3 * i, 3 * i + 3)], numbers);
    });
  });
}

Deno.test("readNumericCsv() rounds every decimal to the nearest float64, then to float32", () => {
  const cells = [
    "0.1",
    "-1e-3",
    "+3",
    " 0.5",
    "4E-3 ",
    ".5",
    "5.",
    "007",
    "-0",
    "1e22",
    "1e23",
    "123456789012345678",
  ];
  cells.push(
    "0.10000000149011612",
    "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1e-320",
    "1e400",
    "-1e400",
  );
  // Halfway between two float32, and one digit to either side of it.
  cells.push(
    "1.000000059604644775390625",
    "1.00000005960464477539062",
    "1.00000005960464477539063",
    "16777217",
  );
  // Next to the middle of two float32, where a hasty float64 product falls on the other side of it.
  cells.push("1152921710765277184", "6559019638530116e-23", "7005081181787887e-24", "5170601620474447e-26");
  cells.push(`0.${"3".repeat(40)}`, `${"9".repeat(30)}e-30`, "1e-45", "7e-46", "0e999999999999");
  const { values } = numeric(`id,x\n${cells.map((cell) => `a,${cell}`).join("\n")}\n`);
  cells.forEach((cell, i) => assert(Object.is(values.data[i], Math.fround(Number(cell))), cell));
});

Deno.test("readNumericCsv() rounds 20,000 random decimals as Number does", () => {
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const cells = Array.from({ length: 20_000 }, () => {
    const digits = Array.from({ length: 1 + Math.floor(random() * 21) }, () => Math.floor(random() * 10))
      .join("");
    const point = Math.floor(random() * (digits.length + 1));
    const exponent = random() < 0.5 ? "" : `e${Math.floor(random() * 90) - 45}`;
    return `${random() < 0.5 ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}${exponent}`;
  });
  const { values } = numeric(`x\n${cells.join("\n")}\n`, 0);
  cells.forEach((cell, i) => assert(Object.is(values.data[i], Math.fround(Number(cell))), cell));
});

Deno.test("readNumericCsv() takes the empty cell and pandas' words for missing", () => {
  const words = [
    "",
    "NA",
    "nan",
    "NaN",
    "-nan",
    "null",
    "NULL",
    "N/A",
    "n/a",
    "#N/A",
    "None",
    "<NA>",
    '""',
    '"NA"',
  ];
  assertEquals(
    [...numeric(`id,x\n${words.map((w) => `a,${w}`).join("\n")}`).values.data],
    words.map(() => NaN),
  );
});

Deno.test("readNumericCsv() reads infinities in any case and numbers in quotes", () => {
  const { values } = numeric('id,x\na,inf\nb,-Infinity\nc,+INF\nd,"1.5"\n');
  assertEquals([...values.data], [Infinity, -Infinity, Infinity, 1.5]);
});

Deno.test("readNumericCsv() finds label columns by name wherever they stand", () => {
  const { labels, columns, values } = numeric("x,name,y,id\n1,n,2,i\n", ["id", "name"]);
  assertEquals(labels, { name: ["n"], id: ["i"] });
  assertEquals(columns, ["x", "y"]);
  assertEquals([...values.data], [1, 2]);
});

Deno.test("readNumericCsv() reads a header alone as no rows", () => {
  const { columns, values } = numeric("id,x,y\n");
  assertEquals(columns, ["x", "y"]);
  assertEquals([values.rows, values.columns, values.data.length], [0, 2, 0]);
});

Deno.test("CSV text: quotes, doubled quotes, commas and line ends within quotes, text behind a closing quote", () => {
  assertEquals(table('a,b\n"x,y","he said ""hi"""\n"two\nlines","q"r\n').rows, [
    ["x,y", 'he said "hi"'],
    ["two\nlines", "qr"],
  ]);
});

Deno.test("CSV text: a byte-order mark, CRLF, CR alone, blank lines and a missing last line end", () => {
  const expected = { header: ["a", "b"], rows: [["1", "2"], ["3", ""]], rowNumbers: [2, 3] };
  assertEquals(table("\ufeffa,b\r\n1,2\r\n3,\r\n"), expected);
  assertEquals(table("a,b\r1,2\r3,"), expected);
  const spaced = table("\n  \na,b\n\n1,2\n \t \n3,\n\n\n");
  assertEquals(spaced, { ...expected, rowNumbers: [5, 7] }, "rows are numbered as a spreadsheet does");
  assertEquals(numeric("a,b\r1,2\r3,", 0).values.data, new Float32Array([1, 2, 3, NaN]));
});

Deno.test("CSV text: quotes within an unquoted field are text, as in pandas", () => {
  assertEquals(table('a\n5"x"\n').rows, [['5"x"']]);
});

Deno.test("CSV text: more columns than the scanner starts with, and text beyond ASCII", () => {
  const header = Array.from({ length: 300 }, (_, i) => `größe${i}`);
  assertEquals(table(`${header.join(",")}\n${header.join(",")}\n`), {
    header,
    rows: [header],
    rowNumbers: [2],
  });
});

const refused: [what: string, text: string, message: string][] = [
  ["an empty file", "", "the file is empty (its first row must name the columns)"],
  ["a file of blank lines", "\n\n", "the file is empty"],
  [
    "text in a number cell",
    "id,x,y\na,1,2\nb,3,n/d\n",
    'row 3, column "y": "n/d" is not a number (use an empty cell or nan for a missing value)',
  ],
  ["a word that only starts as a number", "id,x\na,1.5abc\n", 'row 2, column "x": "1.5abc" is not a number'],
  ["an exponent without digits", "id,x\na,1e\n", '"1e" is not a number'],
  ["a sign alone", "id,x\na,-\n", '"-" is not a number'],
  ["a decimal comma in quotes", 'id,x\na,"1,5"\n', '"1,5" is not a number'],
  ["a hexadecimal number", "id,x\na,0x10\n", '"0x10" is not a number'],
  [
    "semicolons between columns",
    "id;x;y\na;1,5;2\n",
    "it is separated by semicolons (save it with commas or tabs",
  ],
  [
    "text in a column of a long name",
    `id,${"x".repeat(50)}\na,${"y".repeat(50)}\n`,
    `row 2, column "${"x".repeat(40)}...": "${"y".repeat(40)}..." is not a number`,
  ],
  ["a short row", "id,x,y\na,1,2\nb,1\n", "row 3 has 2 fields, the header 3"],
  ["a long row", "id,x\na,1\nb,1,2\n", "row 3 has 3 fields, the header 2"],
  [
    "a first row that is longer than a header of ids",
    "gene_id,x\na,1,2\n",
    "row 2 has 3 fields, the header 2",
  ],
  ["a row two fields longer than the header", "id,x\na,1,2,3\n", "row 2 has 4 fields, the header 2"],
  ["a row counted with the blank line before it", "id,x\n\nz,q\n", 'row 3, column "x"'],
  ["a row counted with blank lines that end in CRLF", "id,x\r\n\r\n\r\nz,q\r\n", 'row 4, column "x"'],
  [
    "a quote that is never closed",
    'id,x\na,1\n"b,2\n',
    "the quote that opens field 1 of row 3 is never closed",
  ],
];
for (const [what, text, message] of refused) {
  Deno.test(`readNumericCsv() refuses ${what}`, () => {
    assertThrows(() => numeric(text), DataError, message);
  });
}

Deno.test("readNumericCsv() refuses a missing label column, naming those that are there", () => {
  assertThrows(
    () => numeric("a,b,c,d,e,f\n", ["gene_id"]),
    DataError,
    'Cannot read "t.csv": it has no column "gene_id" (its columns are "a", "b", "c", "d", "e", ...)',
  );
});

Deno.test("readNumericCsv() cuts long names of columns in its message", () => {
  assertThrows(
    () => numeric(`${"a".repeat(70_000)},b\n`, ["gene_id"]),
    DataError,
    `(its columns are "${"a".repeat(40)}...", "b")`,
  );
});

Deno.test("readNumericCsv() refuses bytes that are another format, by name", () => {
  const read = (...start: number[]) => () =>
    parseNumericCsv(Uint8Array.of(...start, 0, 0), "t.csv", { labels: 1 });
  assertThrows(read(0x50, 0x4b, 3, 4), DataError, "a zip archive or a spreadsheet");
  assertThrows(read(0x50, 0x41, 0x52, 0x31), DataError, "it is Parquet");
  assertThrows(
    () => parseCsvTable(Uint8Array.of(97, 10, 0xff, 10), "t.csv"),
    DataError,
    "row 2 is not UTF-8 text",
  );
});

Deno.test("readCsvTable() names the file that is not there, and the path that is no folder", async () => {
  await assertRejects(
    () => readCsvTable("none.csv"),
    DataError,
    'Cannot read "none.csv": there is no such file',
  );
  await assertRejects(() => readCsvTable(folder), DataError, "it is a folder");
});

Deno.test("encodeCsv() writes what readCsvTable() reads back, missing numbers as empty cells", () => {
  const text = encodeCsv(["id", "x"], [["a,b", 0.1], ['q"r', NaN], ["two\nlines", -Infinity], [
    "",
    Infinity,
  ]]);
  assertEquals(text, 'id,x\n"a,b",0.1\n"q""r",\n"two\nlines",-inf\n,inf\n');
  assertEquals(table(text).rows, [["a,b", "0.1"], ['q"r', ""], ["two\nlines", "-inf"], ["", "inf"]]);
});

Deno.test("parseNumericCsv() of 4,000 damaged files gives a table or a DataError", () => {
  const stream = new ModelStream(4, "csv");
  const originals = ["edge.csv", "edge_crlf.csv"].map((name) => Deno.readFileSync(`${folder}/${name}`));
  for (let i = 0; i < 4000; i++) {
    try {
      const { columns, values } = parseNumericCsv(mutated(originals[i % 2], stream), "t.csv", { labels: 2 });
      assertEquals(values.data.length, values.rows * columns.length);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
});

Deno.test("parseNumericCsv() takes no memory for rows from the line ends within quotes", () => {
  const columns = Array.from({ length: 20_000 }, (_, i) => `G${i}`);
  const ones = ",1".repeat(columns.length);
  const text = `id,note,${columns.join(",")}\nw,short${ones}\nx,"${"\n".repeat(1_000_000)}"${ones}\n`;
  const { values, labels } = parseNumericCsv(new TextEncoder().encode(text), "t.csv", { labels: 2 });
  assertEquals([values.rows, values.columns, labels.id], [2, 20_000, ["w", "x"]]);
});

Deno.test("sampleCsvTable() reads the first rows, long cells cut, whether a letter is a byte or not", () => {
  const long = "ACGT".repeat(200),
    rows = [["a", `"b ""c"""`, long], ["größe", '"x,y"', `ä${long}`], ["no", "", ""]];
  const text = ["id,name,sequence", ...rows.map((row) => row.join(","))].join("\n");
  const { header, rows: read } = sampleCsvTable(new TextEncoder().encode(text), "x", 2);
  assertEquals(header, ["id", "name", "sequence"]);
  assertEquals(read, [
    ["a", 'b "c"', long.slice(0, 400)],
    ["größe", "x,y", `ä${long}`.slice(0, 399)], // 400 bytes
  ]);
});
