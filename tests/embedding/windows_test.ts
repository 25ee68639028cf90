import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { checkWindows, parseWindows, windowsOf } from "../../lib/embedding/windows.ts";

const windows = (text: string) => parseWindows(text, { kept: false });
const cut = (length: number, text: string) =>
  windowsOf(length, windows(text)).map(({ start, end }) => `${start}-${end}`).join(" ");

Deno.test("windowsOf() covers a sequence, the last window ending with it", () => {
  assertEquals(cut(10, "4:2"), "0-4 2-6 4-8 6-10");
  assertEquals(cut(11, "4:2"), "0-4 2-6 4-8 6-10 8-11");
  assertEquals(cut(10, "4"), "0-4 4-8 8-10");
  assertEquals(cut(8, "4"), "0-4 4-8");
  assertEquals(cut(3, "4:1"), "0-3", "what fits is one window");
  assertEquals(cut(4, "4:1"), "0-4");
  for (let length = 1; length < 40; length++) {
    const covered = new Set<number>();
    for (const { start, end } of windowsOf(length, windows("7:5"))) {
      for (let at = start; at < end; at++) covered.add(at);
    }
    assertEquals(covered.size, length);
  }
});

Deno.test("parseWindows() refuses what is no SIZE:STEP, and steps that leave letters out", () => {
  for (const text of ["", "a", "0:1", "5:0", "5:", ":5", "5:3:1", "-5:2", "1.5", "5 : 2"]) {
    assertThrows(() => windows(text), UsageError, `Cannot use --windows "${text}": expected SIZE:STEP`);
  }
  assertThrows(() => windows("5:8"), UsageError, "3 letters between windows would be left out");
});

Deno.test("checkWindows() refuses windows below a token or above what goes through the model", () => {
  const limits = {
    letters: 6,
    tokensOf: (letters: number) => 1 + Math.ceil(letters / 6),
    maxTokens: 11,
    flag: "--x",
  };
  checkWindows(windows("6"), limits);
  checkWindows(windows("60"), limits);
  assertThrows(
    () => checkWindows(windows("5"), limits),
    UsageError,
    "a window of 5 letters is shorter than a token",
  );
  assertThrows(
    () => checkWindows(windows("61"), limits),
    UsageError,
    "a window of 61 letters is 12 tokens, and 11 go through the model (smaller windows, or --x)",
  );
});
