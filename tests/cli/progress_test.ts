import { assertEquals, assertMatch } from "@std/assert";
import { barLine, foldProgress, ProgressBar } from "../../lib/cli/progress.ts";
import { statusLine } from "../../lib/cli/status_line.ts";
import { log } from "../../lib/cli/log.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { errorText } from "../../lib/cli/script.ts";
import { DataError } from "../../lib/cli/errors.ts";

/** What `body` writes to standard error. */
function written(body: () => void): string {
  const original = Deno.stderr.writeSync, parts: string[] = [];
  Deno.stderr.writeSync = (bytes: Uint8Array) => {
    parts.push(new TextDecoder().decode(bytes));
    return bytes.length;
  };
  try {
    body();
  } finally {
    Deno.stderr.writeSync = original;
  }
  return parts.join("");
}

Deno.test("ProgressBar redraws one line on a terminal", () => {
  const text = written(() => {
    const bar = new ProgressBar("Folds", 2, true);
    bar.update(0);
    bar.update(1, "loss 0.5");
    bar.update(2);
    bar.end();
  });
  assertEquals(text.split("\n").length, 2);
  const drawn = text.split("\r\x1b[2K").slice(1);
  assertMatch(drawn[0], /^Folds ░{24} 0\/2 00:00/);
  assertMatch(drawn[1], /^Folds █{12}░{12} 1\/2 00:00<00:00 loss 0\.5$/);
  assertMatch(drawn[2], /^Folds █{24} 2\/2/);
});

Deno.test("ProgressBar prints a plain line a step elsewhere, and nothing within a step", () => {
  const text = written(() => {
    const bar = new ProgressBar("Folds", 2, false);
    bar.update(0);
    bar.update(0.5);
    bar.update(1, "loss 0.5");
    bar.update(2);
    bar.end();
  });
  assertEquals(text, "Folds 1/2: loss 0.5\nFolds 2/2\n");
});

Deno.test("a bar goes on where standard error is closed or full", () => {
  const original = Deno.stderr.writeSync;
  Deno.stderr.writeSync = () => {
    throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  };
  try {
    for (const terminal of [true, false]) {
      const bar = new ProgressBar("Folds", 2, terminal);
      bar.update(1);
      bar.end();
    }
  } finally {
    Deno.stderr.writeSync = original;
  }
});

Deno.test("a bar in a terminal that became narrower takes all its rows away", () => {
  const original = Deno.consoleSize;
  let columns = 80;
  Deno.consoleSize = () => ({ columns, rows: 24 });
  try {
    const text = written(() => {
      statusLine.draw("x".repeat(79));
      columns = 40;
      statusLine.draw("short");
      statusLine.clear();
    });
    assertEquals(text, `\r\x1b[2K${"x".repeat(79)}\r\x1b[1A\x1b[Jshort\r\x1b[2K`);
  } finally {
    Deno.consoleSize = original;
  }
});

Deno.test("barLine() never exceeds the width, and lets the text go first", () => {
  const parts = {
    label: "Folds done",
    share: 0.4,
    count: "2/5",
    times: "00:12<00:18",
    text: "fold 2, loss 0.25",
  };
  assertEquals(
    barLine(79, parts),
    `Folds done ${"█".repeat(10)}${"░".repeat(14)} 2/5 00:12<00:18 fold 2, loss 0.25`,
  );
  assertEquals(
    barLine(60, parts),
    `Folds done ${"█".repeat(6)}${"░".repeat(9)} 2/5 00:12<00:18 fold 2, loss 0.25`,
  );
  assertEquals(barLine(39, parts), "Folds done ██░░░░ 2/5 00:12<00:18 fold…");
  const long = {
    ...parts,
    label: "model-00001-of-00002.safetensors (MB)",
    count: "12345/23456",
    times: "12:34:56<12:34:56",
  };
  for (let columns = 1; columns < 200; columns++) {
    for (const each of [parts, long]) {
      const { length } = barLine(columns, each);
      if (length > columns) throw new Error(`${length} in ${columns} columns`);
    }
  }
});

Deno.test("foldProgress() names folds from 0, as --folds does, beside how many are done", async () => {
  const lines = await linesPrinted(() => {
    const folds = foldProgress(false, 2);
    folds.within(0.5);
    folds.finished("loss 0.5", 4);
    folds.finished();
    folds.end();
    return Promise.resolve();
  });
  assertEquals(lines, ["[info] Fold 4 (1 of 2 done): loss 0.5", "[info] 2 of 2 folds done"]);
});

Deno.test("errorText() is one line, whatever the message; with debug it is the stack of error and cause", () => {
  assertEquals(errorText(new DataError("Cannot read\n  it"), false), "Cannot read it");
  assertEquals(
    errorText(new TypeError("x is undefined"), false),
    "Failed: x is undefined (run again with --debug to see where)",
  );
  assertMatch(
    errorText(new DataError("outer", { cause: new Error("inner") }), true),
    /outer[\s\S]*progress_test[\s\S]*Caused by: Error: inner/,
  );
});

Deno.test("text from data writes over no terminal: control characters are shown as U+FFFD, line ends as spaces", async () => {
  const lines = await linesPrinted(() => Promise.resolve(log.warn("a\x1b[2J\x07b\nc\x9bd")));
  assertEquals(lines, ["[warn] a\ufffd[2J\ufffdb c\ufffdd"]);
  assertEquals(
    errorText(new DataError('Cannot read "a\r\nb\x1b[31m"'), false),
    'Cannot read "a b\ufffd[31m"',
  );
});
