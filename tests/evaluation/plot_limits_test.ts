import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { plotLimits, plotLimitsFlags } from "../../lib/evaluation/plot_limits.ts";

const limits = (...words: string[]) =>
  plotLimits(parseFlags(plotLimitsFlags, { script: "scripts/x.ts", about: "" }, words).plotLimits);

Deno.test("--plot-limits takes two numbers, the lower one first", () => {
  assertEquals(limits(), null);
  assertEquals(limits("--plot-limits", "-1", "1"), [-1, 1]);
  assertEquals(limits("--plot-limits=-0.5,2.5"), [-0.5, 2.5]);
  for (const words of [["1"], ["1", "-1"], ["1", "1"], ["0", "1", "2"], ["0", "x"], []]) {
    assertThrows(() => limits("--plot-limits", ...words), UsageError);
  }
});
