import { assert, assertEquals } from "@std/assert";
import type { Activation, Backend } from "../../lib/backend/backend.ts";
import { onEachEngine } from "../support/engines.ts";

async function unary(backend: Backend, f: Activation | "exp", values: number[]): Promise<number[]> {
  const [x, y] = [backend.allocate("f32", values.length), backend.allocate("f32", values.length)];
  backend.write(x, Float32Array.from(values));
  backend.unary(f, y, x, values.length);
  return [...await backend.read(y)].map((value) => value + 0); // -0 counts as 0
}

onEachEngine("exp() overflows to infinity and underflows to 0", async (backend) => {
  assertEquals(await unary(backend, "exp", [89, 1000, 3e38, Infinity]), [
    Infinity,
    Infinity,
    Infinity,
    Infinity,
  ]);
  assertEquals(await unary(backend, "exp", [-105, -1000, -3e38, -Infinity]), [0, 0, 0, 0]);
  assertEquals(await unary(backend, "exp", [0]), [1]);
});

onEachEngine("activations of large numbers are their limits, to 1e-6 of the number", async (backend) => {
  const large = [-1e30, -300, 300, 1e30];
  const limits = {
    tanh: Math.sign,
    relu: positive,
    gelu: positive,
    geluTanh: positive,
    silu: positive,
  } as const;
  for (const [f, limit] of Object.entries(limits)) {
    const found = await unary(backend, f as Activation, large);
    large.forEach((x, i) => {
      const scale = f === "tanh" ? 1 : Math.abs(x);
      assert(Math.abs(found[i] - limit(x)) <= 1e-6 * scale, `${f}(${x}) is ${found[i]}`);
    });
  }
});

function positive(x: number): number {
  return Math.max(0, x);
}

onEachEngine("NaN goes through every function, and sine of infinity is NaN", async (backend) => {
  for (const f of ["none", "relu", "gelu", "geluTanh", "silu", "tanh", "sin", "exp"] as const) {
    assertEquals(await unary(backend, f, [NaN]), [NaN], f);
  }
  assertEquals(await unary(backend, "sin", [Infinity, -Infinity]), [NaN, NaN]);
});

onEachEngine("clipFactor() of a NaN norm is NaN, of an infinite one 0", async (backend) => {
  const [out, squares] = [backend.allocate("f32", 1), backend.allocate("f32", 1)];
  for (const [sum, factor] of [[NaN, NaN], [Infinity, 0], [16, 0.25 / (1 + 0.25e-6)]]) {
    backend.write(squares, Float32Array.of(sum));
    backend.clipFactor(out, squares, 1, 1);
    const [found] = await backend.read(out);
    assert(Object.is(found, factor) || Math.abs(found - factor) < 1e-6, `of ${sum}: ${found}`);
  }
});

onEachEngine("gatherPairs() with relu keeps a NaN and makes all below 0 a 0", async (backend) => {
  const pairs = [NaN, -Infinity, -1, -1e-45, 0, 1e-45, 2, Infinity];
  const [a, b, out] = [pairs.length, 1, pairs.length].map((length) => backend.allocate("f32", length));
  const [ia, ib] = [0, 0].map(() => backend.allocate("i32", pairs.length));
  backend.write(a, Float32Array.from(pairs));
  backend.write(b, Float32Array.of(0));
  backend.write(ia, Int32Array.from(pairs.keys()));
  backend.write(ib, new Int32Array(pairs.length));
  backend.gatherPairs({ out, a, ia, b, ib }, { rows: pairs.length, columns: 1, activation: "relu" });
  const found = [...await backend.read(out)].map((value) => value < 1e-30 ? 0 : value); // denormals may be flushed
  assertEquals(found, [NaN, 0, 0, 0, 0, 0, 2, Infinity]);
});

onEachEngine("sine keeps its relative accuracy beside multiples of pi", async (backend) => {
  const angles = [1, 2, 3, 100, 22, 355, 1e4, 1e6, 1e9].flatMap((
    k,
  ) => [Math.fround(k * Math.PI), Math.fround(-k * Math.PI)]);
  const found = await unary(backend, "sin", angles);
  angles.forEach((angle, i) => {
    const wanted = Math.sin(angle);
    assert(
      Math.abs(found[i] - wanted) <= 1e-6 * Math.abs(wanted),
      `sin(${angle}) is ${found[i]}, not ${wanted}`,
    );
  });
});

onEachEngine(
  "a NaN prediction makes the squared error NaN, an infinite target does not count",
  async (backend) => {
    const [prediction, target, stats] = [4, 4, 2].map((length) => backend.allocate("f32", length));
    backend.write(prediction, Float32Array.of(1, 2, 3, 4));
    backend.write(target, Float32Array.of(0, Infinity, NaN, 2));
    backend.maskedSquaredError(stats, prediction, target, 4);
    assertEquals(await backend.read(stats), Float32Array.of(5, 2));
    backend.write(prediction, Float32Array.of(NaN, 2, 3, 4));
    backend.maskedSquaredError(stats, prediction, target, 4);
    assertEquals(await backend.read(stats), Float32Array.of(NaN, 2));
  },
);

onEachEngine(
  "attention of a score that is NaN or too large is NaN, with its gradients, and others stay",
  async (backend) => {
    const shape = { batch: 1, heads: 1, length: 3, headWidth: 4, scale: 1 };
    const run = async (q: number[], k: number[], keyMask: number[]) => {
      const storage = (values: ArrayLike<number>) => {
        const made = backend.allocate("f32", values.length);
        backend.write(made, Float32Array.from(values));
        return made;
      };
      const mask = backend.allocate("i32", 3);
      backend.write(mask, Int32Array.from(keyMask));
      const [qs, ks, vs, dout] = [q, k, new Array(12).fill(0.5), new Array(12).fill(1)].map(storage);
      const [out, dq, dk, dv] = Array.from({ length: 4 }, () => backend.allocate("f32", 12));
      const logSumExp = backend.allocate("f32", 3);
      const operands = { out, logSumExp, q: qs, k: ks, v: vs, keyMask: mask };
      backend.attention(operands, shape);
      backend.attentionBackward({ ...operands, dq, dk, dv, dout }, shape);
      const rows = async (x: typeof out) => {
        const values = await backend.read(x);
        return [0, 1, 2].map((row) => values.subarray(4 * row, 4 * row + 4).every(Number.isFinite));
      };
      return { out: await rows(out), dq: await rows(dq), dv: await rows(dv) };
    };
    const ones = new Array(12).fill(1);
    const spoiled = (row: number, value: number) => ones.map((one, i) => i >> 2 === row ? value : one);
    const yes = [true, true, true], no = [false, false, false];
    // A query that is NaN, or whose scores overflow, spoils its own row, and the values' gradients.
    for (const value of [NaN, 3e38]) {
      const found = await run(spoiled(1, value), ones, [1, 1, 1]);
      assertEquals(found, { out: [true, false, true], dq: [true, false, true], dv: no }, String(value));
    }
    // A key that is NaN spoils all rows, unless it is hidden.
    assertEquals(await run(ones, spoiled(2, NaN), [1, 1, 1]), { out: no, dq: no, dv: no });
    assertEquals((await run(ones, spoiled(2, NaN), [1, 1, 0])).out, yes);
    // A score of minus infinity is a weight of nothing.
    assertEquals((await run(ones, spoiled(2, -3e38), [1, 1, 1])).out, yes);
  },
);
