import { assertEquals } from "@std/assert";
import { builds, compileKernels } from "../../../kernels/cpu/build.ts";

for (const { file, features } of builds) {
  Deno.test(`the committed ${file} is what kernels/cpu/source compiles to`, async () => {
    const committed = await Deno.readFile(new URL(`../../../kernels/cpu/${file}`, import.meta.url));
    const rebuilt = await compileKernels(features);
    assertEquals(rebuilt.length, committed.length, "run: deno run -P=test kernels/cpu/build.ts");
    assertEquals(rebuilt.findIndex((byte, i) => byte !== committed[i]), -1);
  });
}
