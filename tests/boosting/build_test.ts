import { assertEquals } from "@std/assert";
import { compileBoostingKernel } from "../../kernels/cpu/build_boosting.ts";

Deno.test("the committed tree kernel is what its source compiles to, byte for byte", async () => {
  const committed = await Deno.readFile(new URL("../../kernels/cpu/boosting.wasm", import.meta.url));
  const built = await compileBoostingKernel();
  assertEquals(built.length, committed.length);
  assertEquals(built.every((byte, i) => byte === committed[i]), true);
});
