import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { asFloat32 } from "../../lib/models/concat_mlp_model.ts";
import { captured } from "../support/captured_log.ts";

Deno.test("asFloat32() rounds, and says when columns lose their differences", async () => {
  const values = {
    data: Float64Array.of(0.1, 20180130, 0.2, 20180130.25, 0.3, 20180130.5),
    rows: 3,
    columns: 2,
  };
  const { result, lines } = await captured(() => Promise.resolve(asFloat32(values, "x.npy")));
  assertEquals([...result.data.subarray(0, 2)], [Math.fround(0.1), 20180130]);
  assertEquals(lines.length, 1);
  assertEquals(/1 column of "x.npy" lose.*such as column 1/.test(lines[0]), true);
});

Deno.test("asFloat32() refuses what is beyond float32", () => {
  assertThrows(
    () => asFloat32({ data: Float64Array.of(0, 1, 2, 1e39), rows: 2, columns: 2 }, "x.npy"),
    DataError,
    'Cannot use "x.npy": column 1 holds 1e+39, beyond float32 (this network does not scale its inputs: scale them first)',
  );
});
