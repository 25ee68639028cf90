import { assertEquals } from "@std/assert";
import { builds, compile } from "../../kernels/cpu/build.ts";
import { kernelTable } from "../../kernels/cpu/kernel_table.ts";

for (const [file, build] of Object.entries(builds)) {
  Deno.test(`the committed ${file} is what ${build.entry} compiles to`, async () => {
    const committed = await Deno.readFile(new URL(`../../kernels/cpu/${file}`, import.meta.url));
    const rebuilt = await compile(build);
    assertEquals(rebuilt.length, committed.length, "run: deno run -P=test kernels/cpu/build.ts");
    assertEquals(rebuilt.findIndex((byte, i) => byte !== committed[i]), -1);
  });
}

for (const [file, text] of Object.entries(kernelTable())) {
  Deno.test(`the committed ${file} names every kernel of float32/`, async () => {
    const committed = await Deno.readTextFile(new URL(`../../kernels/cpu/${file}`, import.meta.url));
    assertEquals(committed, text, "run: deno run -P=test kernels/cpu/build.ts");
  });
}
