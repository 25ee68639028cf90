import { assertEquals } from "@std/assert";
import { onEachEngine } from "../support/engines.ts";

onEachEngine("operations on nothing do nothing, and sums over nothing are 0", async (backend) => {
  const x = backend.allocate("f32", 64);
  const none = backend.allocate("f32", 0);
  const noIndices = backend.allocate("i32", 0);
  const sums = () => {
    const storage = backend.allocate("f32", 9);
    backend.fill(storage, 0);
    return storage;
  };
  backend.fill(x, 1);
  backend.fill(none, 1);
  backend.write(none, new Float32Array(0));
  backend.unary("exp", none, none, 0);
  backend.binary("add", none, none, x, 0, 5, "row");
  backend.copy2d({ storage: none }, { storage: x }, { rows: 0, columns: 4 });
  backend.transpose(none, none, 2, 0, 4);
  backend.dropout(none, none, 0, 0.5, 1, 2);
  backend.siluGate(none, none, 0, 4);
  backend.layerNorm(
    { out: none, stats: none, x: none, gamma: null, beta: null },
    { rows: 0, columns: 4, epsilon: 1e-5 },
  );
  backend.gatherRows(none, x, noIndices, 0, 4);
  backend.scatterAddRows(x, none, noIndices, 0, 4, 3);
  backend.maskedMean(none, none, noIndices, 0, 3, 4);
  backend.attention({ out: none, logSumExp: null, q: none, k: none, v: none, keyMask: null }, {
    batch: 0,
    heads: 2,
    length: 3,
    headWidth: 4,
    scale: 1,
  });
  backend.causalConvolution(
    { out: none, x: none, weight: x, bias: null },
    { rows: 0, channels: 3, length: 5, taps: 3 },
  );
  backend.realFft(none, none, 0, 5, 8);
  backend.complexMultiply({ out: none, a: none, b: x }, { rows: 0, bRows: 1, frequencies: 5 });
  backend.matmul({ storage: none }, { storage: none }, { storage: x }, { m: 0, n: 4, k: 4 });
  const [columns, squares, error] = [sums(), sums(), sums()];
  backend.columnSum(columns, none, null, 0, 9);
  backend.sumSquares(squares, none, 0);
  backend.flagNonFinite(squares, none, 0);
  backend.maskedSquaredError(error, none, none, 0);
  assertEquals(await backend.read(none), new Float32Array(0));
  for (const storage of [columns, squares, error]) {
    assertEquals(await backend.read(storage), new Float32Array(9));
  }
  assertEquals(await backend.read(x), new Float32Array(64).fill(1));
});
