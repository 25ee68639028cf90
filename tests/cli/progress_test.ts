import { assertEquals, assertMatch } from "@std/assert";
import { ProgressBar } from "../../lib/cli/progress.ts";
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
