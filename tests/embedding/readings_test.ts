import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { labelOf, layersUpTo, readingsOf } from "../../lib/embedding/readings.ts";

const known = layersUpTo(3);
const shown = (...parameters: Parameters<typeof readingsOf>) =>
  readingsOf(...parameters).map((reading) => [reading.layer, reading.pooling, labelOf(reading)]);

Deno.test("readingsOf() gives every combination once, named by what there are several of", () => {
  assertEquals(shown(["last"], ["mean"], null, "m"), [["last", "mean", ""]]);
  assertEquals(shown(["2"], ["max"], known, "m"), [[2, "max", ""]]);
  assertEquals(shown(["1", "last"], ["mean"], known, "m"), [[1, "mean", "layer1"], [3, "mean", "last"]]);
  assertEquals(shown(["last"], ["mean", "mean-no-special", "mean"], known, "m"), [
    [3, "mean", "mean"],
    [3, "mean-no-special", "mean_no_special"],
  ]);
  assertEquals(shown(["3", "last", "3"], ["cls"], known, "m"), [[3, "cls", ""]], "the last layer once");
  assertEquals(shown(["last", "all"], ["mean"], known, "m").map(([, , label]) => label), [
    "last",
    "layer0",
    "layer1",
    "layer2",
  ]);
  assertEquals(shown(["last"], ["none"], null, "m"), [["last", "none", "tokens"]], "a folder of its own");
});

Deno.test("readingsOf() refuses layers that the model does not have, and tells which it has", () => {
  const refuses = (message: string, text: string, layers: Parameters<typeof readingsOf>[2] = known) =>
    assertThrows(() => readingsOf([text], ["mean"], layers, "nt"), UsageError, message);
  refuses(`Cannot use --layer 4: "nt" has the layers 0 (embeddings) to 3`, "4");
  for (const text of ["", "-1", "1.5", "first", "0x1", "99999"]) {
    refuses(`Cannot use --layer "${text}": it must be last, all or the number of a layer`, text);
  }
  const unnumbered = { numbers: [], last: null };
  refuses(`"nt" gives no hidden states with numbers`, "all", unnumbered);
  refuses(`Cannot use --layer 1: "nt" gives no hidden states with numbers`, "1", unnumbered);
});
