import { assert, assertEquals } from "@std/assert";
import * as t from "../../lib/tensor/mod.ts";
import { openReferenceBackend, values } from "../support/reference.ts";
import { cases, differentiate } from "./gradients.ts";

for (const example of cases) {
  // Differences of float64 values at a step of 1e-5: truncation and rounding both below 1e-8.
  Deno.test(`the gradient of ${example.name} equals central differences`, () => {
    const backend = openReferenceBackend();
    const { inputs, output, seed } = differentiate(backend, example);
    const weighted = () => {
      const again = t.noGrad(() => t.scope(() => example.run(inputs)));
      return values(again.storage).reduce((sum, v, i) => sum + v * values(seed.storage)[i], 0);
    };
    assert(values(output.storage).every(Number.isFinite));
    for (const input of inputs) {
      assertEquals(input.grad?.shape, input.shape);
      const data = values(input.storage), gradient = values(input.grad!.storage);
      for (let i = 0; i < data.length; i++) {
        const before = data[i], step = 1e-5;
        data[i] = before + step;
        const above = weighted();
        data[i] = before - step;
        const below = weighted();
        data[i] = before;
        const expected = (above - below) / (2 * step);
        assert(Math.abs(gradient[i] - expected) < 1e-6 * Math.max(1, Math.abs(expected)));
      }
    }
  });
}
