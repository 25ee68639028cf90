/** Shapes beyond one block: keys and queries of attention, packed slabs of a product, transforms beyond the caches. */
import { assert } from "@std/assert";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { checkCase, type OperationCase, relativeError } from "../../support/operation_check.ts";
import { fft } from "../../support/special_functions.ts";

const product = 1e-5;

/** Lengths at, and one beside, the ends of the blocks of 64 and 96 queries, 64 keys and up to 192. */
const lengths = [63, 64, 65, 95, 96, 97, 128, 129, 192, 193, 257, 300];

const attention = (masked: boolean): OperationCase => ({
  name: `attention over several blocks, ${masked ? "some keys hidden" : "all keys seen"}`,
  tolerance: product,
  run(draw) {
    const [length, heads, headWidth] = [
      draw.pick(lengths),
      draw.size(2),
      draw.pick([1, 6, 8, 31, 32, 64, 80]),
    ];
    const shape = { batch: 2, heads, length, headWidth, scale: headWidth ** -0.5 };
    const size = 2 * length * heads * headWidth;
    const [q, k, v] = [draw.input(size, { scale: 2 }), draw.input(size), draw.input(size)];
    const keyMask = masked ? draw.mask(2 * length, 0.3) : null;
    const out = draw.output("out", size), logSumExp = draw.output("logSumExp", 2 * heads * length);
    const operands = { out, logSumExp, q, k, v, keyMask };
    draw.backend.attention(operands, shape);
    const [dq, dk, dv] = [draw.output("dq", size), draw.output("dk", size), draw.output("dv", size)];
    draw.backend.attentionBackward({ ...operands, dq, dk, dv, dout: draw.input(size) }, shape);
  },
});

for (const masked of [false, true]) {
  const example = attention(masked);
  Deno.test(`${example.name}: equals float64 on 30 random shapes`, async () => {
    const backend = await openCpuBackend({ threads: 2, blas: "off" });
    await checkCase(backend, example, { repeats: 30 });
    await backend.close();
  });
}

Deno.test("attention where one score outweighs all others by 500, and where every key is hidden", async () => {
  const backend = await openCpuBackend({ threads: 1, blas: "off" });
  const [length, headWidth] = [130, 8];
  const upload = (data: Float32Array | Int32Array) => {
    const storage = backend.allocate(data instanceof Int32Array ? "i32" : "f32", data.length);
    backend.write(storage, data);
    return storage;
  };
  const ones = upload(new Float32Array(length * headWidth).fill(1));
  // Key 100 alone points along the queries.
  const keys = new Float32Array(length * headWidth);
  keys.fill(62.5, 100 * headWidth, 101 * headWidth);
  const values = Float32Array.from({ length: length * headWidth }, (_, i) => i);
  const out = backend.allocate("f32", values.length);
  const shape = { batch: 1, heads: 1, length, headWidth, scale: 1 };
  const operands = { out, logSumExp: null, q: ones, k: upload(keys), v: upload(values) };
  backend.attention({ ...operands, keyMask: null }, shape);
  const expected = Float32Array.from(values, (_, i) => 100 * headWidth + i % headWidth);
  assert(relativeError(await backend.read(out), Float64Array.from(expected)) < 1e-6);
  backend.attention({ ...operands, keyMask: upload(new Int32Array(length)) }, shape);
  assert((await backend.read(out)).every((value) => value === 0));
  await backend.close();
});

Deno.test("a product whose packed operands are cut into slabs equals float64", async () => {
  const backend = await openCpuBackend({ threads: 2, blas: "off" });
  const [m, n, k] = [7, 9, 2 ** 21 + 3];
  let state = 1;
  const numbers = (length: number) => {
    const data = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      data[i] = state / 2 ** 31;
    }
    return data;
  };
  const left = numbers(m * k), right = numbers(n * k);
  const [a, b, out] = [m * k, n * k, m * n].map((length) => backend.allocate("f32", length));
  backend.write(a, left);
  backend.write(b, right);
  backend.fill(out, NaN);
  backend.matmul({ storage: out }, { storage: a }, { storage: b, transposed: true }, { m, n, k });
  const expected = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += left[i * k + l] * right[j * k + l];
      expected[i * n + j] = sum;
    }
  }
  const error = relativeError(await backend.read(out), expected);
  assert(error < product, `off by ${error}`);
  await backend.close();
});

for (const log of [15, 18, 21]) {
  Deno.test(`realFft and inverseRealFft of 2^${log} samples equal float64`, async () => {
    const backend = await openCpuBackend({ threads: 2, blas: "off" });
    const n = 2 ** log, length = n - 5;
    const samples = Float32Array.from({ length }, (_, i) => i * 7919 % 1009 / 504.5 - 1);
    const re = new Float64Array(n), im = new Float64Array(n);
    re.set(samples);
    fft(re, im, -1);
    const expected = Float64Array.from(
      { length: n + 2 },
      (_, i) => i % 2 === 0 ? re[i / 2] : im[(i - 1) / 2],
    );
    const x = backend.allocate("f32", length), spectrum = backend.allocate("f32", n + 2);
    backend.write(x, samples);
    backend.realFft(spectrum, x, 1, length, n);
    const forward = relativeError(await backend.read(spectrum), expected);
    assert(forward < 1e-6, `forward is off by ${forward}`);
    backend.fill(x, NaN);
    backend.inverseRealFft(x, spectrum, 1, length, n);
    const back = relativeError(await backend.read(x), Float64Array.from(samples));
    assert(back < 2e-6, `inverse is off by ${back}`);
    await backend.close();
  });
}
