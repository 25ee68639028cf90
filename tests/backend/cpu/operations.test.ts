import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { operationCases } from "../../support/operation_cases.ts";
import { checkCase } from "../../support/operation_check.ts";

/** Sizes up to 131 meet every edge of tiles and vectors; those up to 400 are cut into several chunks. */
const draws = [{ repeats: 30, largest: 131 }, { repeats: 5, largest: 400, firstSeed: 1001 }];

for (const plainSimd of [false, true]) {
  for (const example of operationCases) {
    Deno.test(`${example.name} equals float64 on random shapes, ${plainSimd ? "plain" : "relaxed"} SIMD`, async () => {
      const backend = await openCpuBackend({ threads: 2, blas: "off", plainSimd });
      try {
        for (const draw of plainSimd ? draws.slice(1) : draws) await checkCase(backend, example, draw);
      } finally {
        await backend.close();
      }
    });
  }
}
