/** The table of bench/all.ts. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { askedRatio } from "../../bench/asked.ts";
import type { Roof } from "../../bench/roofline.ts";
import { parseRows, type Row } from "../../bench/rows.ts";
import { tableOf, withTable } from "../../bench/table.ts";

const row = (ours: number, peer: number): Row => ({
  subject: "an epoch",
  engine: "CPU, 2 threads",
  ours: { seconds: ours, peakMib: 100 * ours },
  peer: { seconds: peer, peakMib: 50 },
  peerName: "PyTorch 2.13.0",
});

const circumstances = ["3 rounds in one run", "commit 1a2b3c4"];
const table = (samples: Row[][], roof: Roof | null = null) =>
  tableOf({ samples, roof, versions: "torch 2.13.0", circumstances });

const roof: Roof = {
  widestBits: 512,
  cacheBytes: null,
  rates: [{ threads: 2, widest: 400, wasm: 100, memory: 40, ownMemory: 50, cache: 200, ownCache: 100 }],
};

Deno.test("tableOf() gives the median of the rounds' ratios with their spread, and the largest memory", () => {
  const text = table([[row(2, 4), row(1, 4), row(3, 3)]]);
  assertStringIncludes(text, "Medians of 3 rounds in one run; commit 1a2b3c4; ");
  assertStringIncludes(text, "; torch 2.13.0. ");
  // Ratios 0.5, 0.25 and 1; seconds 2 of 1 to 3, and 4 of 3 to 4.
  const line =
    "| an epoch | CPU, 2 threads | 0.50 (0.25 to 1.00) |  | 2.00 s | 4.00 s | 300 / 50 MiB |  |  |";
  assertEquals(text.split("\n").at(-1), line);
});

Deno.test("tableOf() says whether the ratio asked for is met, with BLAS and without", () => {
  const cells = (engine: string, ours: number) =>
    table([[{ ...row(ours, 10), subject: "MLP, epoch", engine }]]).split("\n").at(-1)!.split(" | ");
  const [, engine, , asked] = cells(
    "CPU, 2 threads, relaxed SIMD, products by /usr/lib/libopenblas.so.0",
    7.1,
  );
  assertEquals(engine, "CPU, 2 threads, relaxed SIMD, products by libopenblas.so.0");
  assertEquals(asked, "0.70, **missed**");
  assertEquals(cells("CPU, 2 threads, relaxed SIMD", 7.1)[3], "1.00, met");
});

Deno.test("tableOf() sets what was reached against the roof, and names what bounds a task without a count", () => {
  const counted = { ...row(1, 2), work: { gflop: 50, gbytes: 1 } };
  const told = { ...row(1, 2), subject: "a script", bound: "start 20%" };
  const lines = table([[counted], [told]], roof).split("\n");
  const last = (subject: string) =>
    lines.find((line) => line.startsWith(`| ${subject} `))!.split(" | ").slice(-2);
  assertEquals(last("an epoch"), [
    "50.0 GFLOP/s, 1.0 GB/s",
    "50% of 128-bit multiply-adds, 13% of the processor's |",
  ]);
  assertEquals(last("a script"), ["", "start 20% |"]);
  assertStringIncludes(lines.join("\n"), "| AVX-512 multiply-adds (NumPy's product) | 400 GFLOP/s |");
});

Deno.test("askedRatio() asks nothing of a subject that is in no list, nor of IA3 without BLAS", () => {
  assertEquals(askedRatio("read CSV, 377 x 4912", null), null);
  assertEquals(askedRatio("NT-v2-50m, IA3 step, 1 x 2001 tokens", "CPU, 2 threads"), null);
  assertEquals(askedRatio("hs27_lel.ts, whole process, beside Python, r once", null), 0.5);
});

Deno.test("withTable() puts a table at the end of a text, and later in the place of the one before", () => {
  const first = withTable("# Timings\n\nWords.\n", "| a |");
  assertStringIncludes(first, "Words.\n\n## Every subject in one run\n");
  const second = withTable(first + "\nMore words.\n", "| b |");
  assertEquals(second, (first + "\nMore words.\n").replace("| a |", "| b |"));
});

Deno.test("parseRows() finds the rows among a bench's other output", () => {
  const rows = [row(1, 2)];
  assertEquals(parseRows(`ours 3 ms\nrows ${JSON.stringify(rows)}\nmore\n`), rows);
  assertEquals(parseRows("rows of a table\nno".replace("rows of", "three rows of")), []);
});
