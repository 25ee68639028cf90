/** The table of bench/all.ts, and what a bench says where its peer is missing. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { tableOf, withTable } from "../../bench/all.ts";
import { findPeer } from "../../bench/peer.ts";
import { parseRows, type Row } from "../../bench/rows.ts";
import { UsageError } from "../../lib/cli/errors.ts";

const row = (ours: number, peer: number): Row => ({
  subject: "an epoch",
  engine: "CPU, 2 threads",
  ours: { seconds: ours, peakMib: 100 * ours },
  peer: { seconds: peer, peakMib: 50 },
  peerName: "PyTorch 2.13.0",
});

Deno.test("tableOf() gives the median of the rounds' ratios with their spread, and the largest memory", () => {
  const table = tableOf([[row(2, 4), row(1, 4), row(3, 3)]], 3, "torch 2.13.0");
  assertStringIncludes(table, "Medians of 3 rounds");
  assertStringIncludes(table, "torch 2.13.0.");
  // Ratios 0.5, 0.25 and 1; seconds 2 of 1 to 3, and 4 of 3 to 4.
  const line = "| an epoch | CPU, 2 threads | 0.50 (0.25 to 1.00) | 2.00 s | 4.00 s | 300 / 50 MiB |";
  assertEquals(table.split("\n").at(-1), line);
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

Deno.test("findPeer() names the program that is not there", async () => {
  await assertRejects(
    () => findPeer(["numpy"], "/no/such/python"),
    UsageError,
    `Cannot run the peer "/no/such/python": there is no such program; run bash bench/peers.sh`,
  );
});

Deno.test("a bench without its peer ends with one sentence and exit code 2", async () => {
  const bench = fromFileUrl(new URL("../../bench/mlp.ts", import.meta.url));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=test", bench, "--python", "/no/such/python"],
  }).output();
  assertEquals(code, 2);
  assertEquals(new TextDecoder().decode(stderr).trim().split("\n").length, 1);
});
