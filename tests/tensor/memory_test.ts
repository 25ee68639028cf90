import { assert, assertEquals, assertThrows } from "@std/assert";
import * as t from "../../lib/tensor/mod.ts";
import { openAccountingBackend } from "../support/accounting_backend.ts";
import { values } from "../support/reference.ts";
import { cases, differentiate, numbers } from "./gradients.ts";

Deno.test("scope() frees what it made except its result", () => {
  const backend = openAccountingBackend();
  const [x] = t.scope(() => {
    const made = t.fromArray(backend, numbers(6, 1), [2, 3]);
    t.relu(made);
    return [t.reshape(t.scale(made, 2), [3, 2])];
  });
  assertEquals(backend.live.size, 1);
  assert(values(x.storage).every(Number.isFinite));
  x.dispose();
  x.dispose();
  assertEquals(backend.live.size, 0);
});

Deno.test("scope() frees everything when its function throws, and refuses an async one", () => {
  const backend = openAccountingBackend();
  assertThrows(() =>
    t.scope(() => {
      t.full(backend, [3], 1);
      throw new RangeError("no");
    }), RangeError);
  assertThrows(() => t.scope(() => Promise.resolve(t.full(backend, [3], 1))), TypeError);
  assertEquals(backend.live.size, 0);
});

Deno.test("a tensor used after it was freed says so", () => {
  const backend = openAccountingBackend();
  let escaped!: t.Tensor;
  t.scope(() => void (escaped = t.full(backend, [2, 3], 1)));
  assertThrows(() => t.relu(escaped), Error, "A tensor of [2,3] was used after it was freed");
});

for (const example of cases) {
  Deno.test(`nothing of ${example.name} is left when its tensors and gradients are given back`, () => {
    const backend = openAccountingBackend();
    const { inputs, output, seed } = t.scope(() => differentiate(backend, example));
    for (const tensor of inputs) {
      assert(values(tensor.grad!.storage).every(Number.isFinite));
      tensor.grad!.dispose();
      tensor.dispose();
    }
    output.dispose();
    seed.dispose();
    assertEquals(backend.live.size, 0);
  });
}

Deno.test("backward() adds to gradients that are there", () => {
  const backend = openAccountingBackend();
  const w = t.parameter(backend, Float32Array.of(2, 3), [2]);
  for (let i = 0; i < 3; i++) t.scope(() => t.backward(t.multiply(w, w)));
  assertEquals([...values(w.grad!.storage)], [12, 18]);
  assertEquals(backend.live.size, 2);
});

Deno.test("backward() of a loss weighs it by the seed, and cells without a target do not count", async () => {
  const backend = openAccountingBackend();
  const p = t.parameter(backend, Float32Array.of(1, 2, 3), [3]);
  const loss = t.scope(() => t.maskedSquaredError(p, t.fromArray(backend, Float32Array.of(0, NaN, 1))));
  t.backward(loss, 10);
  assertEquals(t.meanOf(await loss.read()), 2.5);
  assertEquals([...values(p.grad!.storage)], [10, 0, 20]);
});

Deno.test("a frozen weight costs no product, and without any that trains there is no tape", () => {
  const backend = openAccountingBackend();
  const x = t.parameter(backend, numbers(12, 1), [3, 4]);
  const w = t.keep(t.fromArray(backend, numbers(20, 2), [5, 4]));
  const y = t.scope(() => t.linear(x, w, null));
  t.backward(y);
  assertEquals(backend.count("matmul"), 2);
  assertEquals(w.grad, null);

  x.requiresGrad = false;
  assertEquals(t.linear(x, w, null).node, null);
});

Deno.test("noGrad() records nothing", () => {
  const backend = openAccountingBackend();
  const x = t.parameter(backend, numbers(4, 1), [4]);
  const y = t.noGrad(() => t.relu(x));
  assertEquals(y.node, null);
  assertThrows(() => t.backward(y), Error, "requiresGrad");
});

Deno.test("a tape is used up by backward()", () => {
  const backend = openAccountingBackend();
  const x = t.parameter(backend, numbers(4, 1), [4]);
  const y = t.scope(() => t.scale(t.relu(x), 2));
  t.backward(y);
  assertThrows(() => t.backward(y), Error, "used before");
});

Deno.test("a tape that is never run goes with its last tensor", () => {
  const backend = openAccountingBackend();
  const x = t.parameter(backend, numbers(4, 1), [2, 2]);
  const [y, z] = t.scope(() => {
    const h = t.tanh(t.gelu(x));
    return [t.multiply(h, h), t.relu(h)];
  });
  y.dispose();
  t.backward(z);
  z.dispose();
  x.grad!.dispose();
  assertEquals(backend.live.size, 1);
});

Deno.test("checkpoint() holds the inputs alone until backward(), and gives parameters inside their gradients", () => {
  const deep = (checkpointed: boolean) => {
    const backend = openAccountingBackend();
    const w = t.parameter(backend, numbers(64 * 64, 3), [64, 64]);
    const block = (x: t.Tensor) => [1, 2, 3, 4].reduce((h) => t.tanh(t.linear(h, w, null)), x);
    const y = t.scope(() => {
      let h = t.fromArray(backend, numbers(64 * 64, 4), [64, 64]);
      for (let i = 0; i < 6; i++) h = t.scope(() => checkpointed ? t.checkpoint(block, h) : block(h));
      return h;
    });
    t.backward(y);
    return { gradient: [...values(w.grad!.storage)], peak: backend.memory.peak };
  };
  const plain = deep(false), spared = deep(true);
  assertEquals(spared.gradient, plain.gradient);
  assert(spared.peak < plain.peak * 0.75, `${spared.peak} of ${plain.peak}`);
});

Deno.test("10,000 training steps do not grow memory", () => {
  const backend = openAccountingBackend();
  const w = t.parameter(backend, numbers(4, 1), [2, 2]);
  let size = 0;
  for (let step = 0; step < 10_000; step++) {
    t.scope(() => {
      const x = t.fromArray(backend, numbers(4, step), [2, 2]);
      t.backward(t.maskedSquaredError(t.linear(x, w, null, { activation: "relu" }), x));
    });
    w.grad!.dispose();
    w.grad = null;
    if (step === 0) size = backend.live.size;
  }
  assertEquals(backend.live.size, size);
});
