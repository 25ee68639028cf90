/**
 * Every operation of lib/backend/backend.ts on sizes drawn at random. Tolerances: 2e-6 for element-wise results, 1e-5
 * for products, attention and transforms, whose sums of float32 terms leave some 1e-6.
 */
import type { Activation, Broadcast, MatrixOperand } from "../../lib/backend/backend.ts";
import type { Draw, OperationCase } from "./operation_check.ts";

const elementwise = 2e-6;
const product = 1e-5;
const activations: Activation[] = ["none", "relu", "gelu", "geluTanh", "silu", "tanh", "sin"];

/** A matrix operand with offset, stride and gaps between the matrices of a batch. */
function operand(
  draw: Draw,
  batch: number,
  rows: number,
  columns: number,
  shareable: boolean,
): MatrixOperand {
  const transposed = draw.chance();
  const [storedRows, storedColumns] = transposed ? [columns, rows] : [rows, columns];
  const offset = draw.pick([0, 0, 1, 4, 7]);
  const stride = storedColumns + draw.pick([0, 0, 0, 1, 4]);
  const shared = shareable && draw.pick([0, 0, 0, 1]) === 1;
  const batchStride = shared ? 0 : storedRows * stride + draw.pick([0, 0, 3]);
  const storage = draw.input(offset + (batch - 1) * batchStride + storedRows * stride);
  return { storage, offset, stride, batchStride, transposed };
}

const matmulCases: OperationCase[] = [
  {
    name: "matmul",
    tolerance: product,
    half: true,
    run(draw) {
      const [m, n, k] = [draw.size(), draw.size(), draw.size()];
      draw.backend.matmul(
        { storage: draw.output("out", m * n) },
        { storage: draw.input(m * k) },
        { storage: draw.input(k * n) },
        { m, n, k },
      );
    },
  },
  {
    name: "matmul with strides, transposes, a batch and an epilogue",
    tolerance: product,
    half: true,
    run(draw) {
      const [batch, m, n, k] = [draw.pick([1, 1, 2, 3]), draw.size(70), draw.size(70), draw.size(70)];
      const a = operand(draw, batch, m, k, true), b = operand(draw, batch, k, n, true);
      const accumulate = draw.chance();
      const out = operand(draw, batch, m, n, false);
      draw.changed("out", out.storage);
      const biasAxis = draw.pick(["row", "column"]);
      draw.backend.matmul(out, a, b, {
        batch,
        m,
        n,
        k,
        alpha: draw.pick([1, 0.5]),
        bias: draw.chance() ? draw.input(biasAxis === "row" ? m : n) : undefined,
        biasAxis,
        rowScale: draw.chance() ? draw.input(m) : undefined,
        columnScale: draw.chance() ? draw.input(n) : undefined,
        activation: draw.pick(activations),
        accumulate,
      });
    },
  },
  {
    name: "matmul with an inner dimension of 0",
    tolerance: product,
    run(draw) {
      const [m, n] = [draw.size(20), draw.size(20)];
      const [a, b] = [draw.input(0), draw.input(0)];
      draw.backend.matmul({ storage: draw.output("out", m * n) }, { storage: a }, { storage: b }, {
        m,
        n,
        k: 0,
        bias: draw.input(n),
        activation: "tanh",
      });
    },
  },
  {
    name: "matmul with a long inner dimension",
    tolerance: product,
    run(draw) {
      const [m, n, k] = [draw.size(20), draw.size(40), draw.integer(1000, 5000)];
      const a = { storage: draw.input(m * k), transposed: draw.chance() };
      const out = draw.changed("out", draw.input(m * n));
      draw.backend.matmul({ storage: out }, a, { storage: draw.input(k * n) }, {
        m,
        n,
        k,
        bias: draw.input(n),
        rowScale: draw.input(m),
        accumulate: draw.chance(),
      });
    },
  },
];

const elementwiseCases: OperationCase[] = [
  {
    name: "unary",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const n = draw.size() * draw.size(20);
      const f = draw.pick([...activations, "exp", "copy"]);
      // Sine far outside [-pi, pi], the others where they bend; half precision overflows early.
      const scale = draw.dtype === "f16"
        ? 2
        : f === "sin"
        ? draw.pick([1, 100, 1e6])
        : draw.pick([0.1, 3, 10]);
      const x = draw.input(n, { scale });
      draw.backend.unary(f, draw.chance() ? draw.changed("in place", x) : draw.output("out", n), x, n);
    },
  },
  {
    name: "unaryBackward",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const n = draw.size() * draw.size(20);
      const f = draw.pick(activations);
      const fromOutput = (f === "relu" || f === "tanh") && draw.chance();
      const x = draw.input(n, { scale: fromOutput ? 0.5 : 2 });
      const dy = draw.input(n);
      const dx = draw.chance() ? draw.changed("in place of dy", dy) : draw.output("dx", n);
      draw.backend.unaryBackward(f, dx, dy, x, n, { fromOutput });
    },
  },
  {
    name: "binary",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [rows, columns] = [draw.size(), draw.size()];
      const broadcast = draw.pick<Broadcast>(["same", "row", "column", "scalar"]);
      const a = draw.input(rows * columns);
      const b = draw.input({ same: rows * columns, row: columns, column: rows, scalar: 1 }[broadcast]);
      const place = draw.pick(["apart", "a", "b"]);
      const out = place === "a"
        ? draw.changed("in place of a", a)
        : place === "b" && broadcast === "same"
        ? draw.changed("in place of b", b)
        : draw.output("out", rows * columns);
      draw.backend.binary(draw.pick(["add", "subtract", "multiply"]), out, a, b, rows, columns, broadcast);
    },
  },
  {
    name: "linearCombination",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const n = draw.size() * draw.size(20);
      const a = draw.input(n);
      const b = draw.chance() ? draw.input(n) : null;
      const out = draw.chance() ? draw.changed("in place of a", a) : draw.output("out", n);
      draw.backend.linearCombination(out, draw.pick([1, -0.3]), a, 0.7, b, n);
    },
  },
  {
    name: "siluGate and its gradient",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [rows, width] = [draw.size(), draw.size()];
      const x = draw.input(rows * 2 * width, { scale: 3 });
      draw.backend.siluGate(draw.output("out", rows * width), x, rows, width);
      draw.backend.siluGateBackward(
        draw.output("dx", rows * 2 * width),
        draw.input(rows * width),
        x,
        rows,
        width,
      );
    },
  },
  {
    name: "dropout",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const n = draw.size() * draw.size(20);
      const x = draw.input(n);
      const seed = draw.integer(0, 2 ** 32 - 1), stream = draw.integer(0, 2 ** 32 - 1);
      draw.backend.dropout(draw.output("out", n), x, n, draw.pick([0, 0.2, 0.9]), seed, stream);
    },
  },
  {
    name: "fill, copy2d and transpose",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [batch, rows, columns] = [draw.pick([1, 2, 3]), draw.size(), draw.size()];
      const [xStride, outStride] = [columns + draw.pick([0, 1, 5]), columns + draw.pick([0, 2, 3])];
      const [xOffset, outOffset] = [draw.pick([0, 1, 64]), draw.pick([0, 3])];
      const x = draw.input(xOffset + rows * xStride);
      const out = draw.changed("copy", draw.input(outOffset + rows * outStride));
      draw.backend.copy2d({ storage: out, offset: outOffset, stride: outStride }, {
        storage: x,
        offset: xOffset,
        stride: xStride,
      }, { rows, columns });
      const cast = draw.output("cast", rows * columns, "f32");
      draw.backend.copy2d({ storage: cast }, { storage: x, offset: xOffset, stride: xStride }, {
        rows,
        columns,
      });
      const matrices = draw.input(batch * rows * columns);
      draw.backend.transpose(
        draw.output("transposes", batch * rows * columns),
        matrices,
        batch,
        rows,
        columns,
      );
      draw.backend.fill(draw.output("filled", rows), 0.25);
    },
  },
];

const reductionCases: OperationCase[] = [
  {
    name: "columnSum and rowSum",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [rows, columns] = [draw.size(), draw.size()];
      const x = draw.input(rows * columns, { shift: 1 });
      const y = draw.chance() ? draw.input(rows * columns, { shift: 1 }) : null;
      const accumulate = draw.chance();
      const sums = draw.changed(
        "column sums",
        draw.exact(new Float32Array(columns).fill(accumulate ? 2 : NaN)),
      );
      draw.backend.columnSum(sums, x, y, rows, columns, { accumulate });
      const rowSums = draw.changed("row sums", draw.exact(new Float32Array(rows).fill(accumulate ? 2 : NaN)));
      draw.backend.rowSum(rowSums, x, y, rows, columns, { accumulate });
    },
  },
  {
    name: "sums over many rows and many columns",
    tolerance: elementwise,
    run(draw) {
      const [long, short] = [draw.integer(300, 9000), draw.size(6)];
      const x = draw.input(long * short, { shift: 1 });
      draw.backend.columnSum(draw.output("column sums", short), x, null, long, short);
      draw.backend.rowSum(draw.output("row sums", short), x, x, short, long);
    },
  },
  {
    name: "sumSquares, flagNonFinite and clipFactor",
    tolerance: elementwise,
    run(draw) {
      const n = draw.size() * draw.size(60);
      const x = draw.input(n);
      const squares = draw.changed("squares", draw.exact(Float32Array.of(3)));
      draw.backend.sumSquares(squares, x, n, { accumulate: draw.chance() });
      draw.backend.clipFactor(
        draw.output("factor", 1),
        squares,
        draw.pick([0.5, 1e6]),
        draw.pick([1, 1 / 1024]),
      );
      const missing = draw.pick([NaN, Infinity, -Infinity, 0]);
      const flag = draw.changed("flag", draw.exact(Float32Array.of(draw.pick([0, 0, 1]))));
      draw.backend.flagNonFinite(flag, draw.input(n, { missing }), n);
    },
  },
  {
    name: "maskedSquaredError and its gradient",
    tolerance: elementwise,
    run(draw) {
      const n = draw.size() * draw.size(60);
      const prediction = draw.input(n);
      const target = draw.input(n, { missing: draw.pick([NaN, Infinity]) });
      const stats = draw.output("sum and count", 2);
      draw.backend.maskedSquaredError(stats, prediction, target, n);
      const slope = draw.output("slope", n);
      draw.backend.maskedSquaredErrorBackward(slope, prediction, target, stats, n, draw.pick([1, 1024]));
    },
  },
];

const layerCases: OperationCase[] = [
  {
    name: "layerNorm and its gradient",
    tolerance: product,
    half: true,
    run(draw) {
      // Of two columns the gradient is nothing but rounding.
      const [rows, columns] = [draw.size(), draw.integer(4, draw.largest)];
      const x = draw.input(rows * columns, { shift: 2 });
      const gamma = draw.chance() ? draw.input(columns) : null;
      const beta = draw.chance() ? draw.input(columns) : null;
      const stats = draw.output("statistics", 2 * rows, "f32");
      const out = draw.output("out", rows * columns);
      draw.backend.layerNorm({ out, stats, x, gamma, beta }, { rows, columns, epsilon: 1e-5 });
      const dgamma = draw.chance() ? draw.output("dgamma", columns) : null;
      const dbeta = draw.chance() ? draw.output("dbeta", columns) : null;
      const dy = draw.input(rows * columns, { shift: 0.5 });
      const dx = draw.output("dx", rows * columns);
      draw.backend.layerNormBackward({ dx, dgamma, dbeta, dy, x, stats, gamma }, { rows, columns });
    },
  },
  {
    name: "rotary",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [batch, heads, length, half] = [draw.size(3), draw.size(4), draw.size(40), draw.size(20)];
      const shape = { batch, heads, length, headWidth: 2 * half, scale: 1 };
      const angles = Float32Array.from({ length: length * half }, () => draw.normal());
      const [cos, sin] = [draw.exact(angles.map(Math.cos)), draw.exact(angles.map(Math.sin))];
      const x = draw.input(batch * length * heads * 2 * half);
      const out = draw.chance() ? draw.changed("in place", x) : draw.output("out", x.length);
      draw.backend.rotary(out, x, cos, sin, shape, { inverse: draw.chance() });
    },
  },
  {
    name: "attention and its gradient",
    tolerance: product,
    // With a single key to see, the gradients of q and k are differences of equal numbers, some ten in size.
    zero: 0.1,
    half: true,
    run(draw) {
      const [batch, heads, length] = [draw.size(2), draw.size(3), draw.size(70)];
      // Few widths, since each is compiled anew.
      const headWidth = draw.pick(draw.dtype === "f16" ? [8] : [3, 8, 33]);
      const shape = { batch, heads, length, headWidth, scale: headWidth ** -0.5 };
      const size = batch * length * heads * headWidth;
      const [q, k, v] = [draw.input(size, { scale: 2 }), draw.input(size), draw.input(size)];
      const keyMask = draw.chance() ? draw.mask(batch * length) : null;
      const out = draw.output("out", size);
      // Kept out of the comparison: what it holds where all keys are hidden is free.
      const logSumExp = draw.exact(new Float32Array(batch * heads * length).fill(NaN));
      const operands = { out, logSumExp, q, k, v, keyMask };
      draw.backend.attention(operands, shape);
      const [dq, dk, dv] = [draw.output("dq", size), draw.output("dk", size), draw.output("dv", size)];
      draw.backend.attentionBackward({ ...operands, dq, dk, dv, dout: draw.input(size) }, shape);
      const alone = draw.output("out without logSumExp", size);
      draw.backend.attention({ ...operands, out: alone, logSumExp: null }, shape);
    },
  },
  {
    name: "maskedMean and its gradient",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [batch, length, width] = [draw.size(4), draw.size(300), draw.size(40)];
      const mask = draw.mask(batch * length, draw.pick([0, 0.2, 1]));
      const x = draw.input(batch * length * width, { shift: 1 });
      draw.backend.maskedMean(draw.output("out", batch * width), x, mask, batch, length, width);
      const dx = draw.output("dx", x.length);
      draw.backend.maskedMeanBackward(dx, draw.input(batch * width), mask, batch, length, width);
    },
  },
];

const rowCases: OperationCase[] = [
  {
    name: "gatherRows and scatterAddRows",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [rows, columns, tableRows] = [draw.size(), draw.size(), draw.size()];
      const indices = draw.indices(rows, tableRows);
      draw.backend.gatherRows(
        draw.output("gathered", rows * columns),
        draw.input(tableRows * columns),
        indices,
        rows,
        columns,
      );
      const table = draw.changed("scattered", draw.input(tableRows * columns));
      draw.backend.scatterAddRows(table, draw.input(rows * columns), indices, rows, columns, tableRows);
    },
  },
  {
    name: "scatterAddRows of many rows to few",
    tolerance: elementwise,
    run(draw) {
      const [rows, columns, tableRows] = [draw.integer(500, 3000), draw.size(9), draw.size(3)];
      const table = draw.changed("scattered", draw.input(tableRows * columns));
      const x = draw.input(rows * columns, { shift: 1 });
      draw.backend.scatterAddRows(table, x, draw.indices(rows, tableRows), rows, columns, tableRows);
    },
  },
  {
    name: "gatherPairs",
    tolerance: elementwise,
    half: true,
    run(draw) {
      const [rows, columns, aRows, bRows] = [draw.size(), draw.size(), draw.size(40), draw.size(40)];
      const [a, b] = [draw.input(aRows * columns), draw.input(bRows * columns)];
      const [ia, ib] = [draw.indices(rows, aRows), draw.indices(rows, bRows)];
      const out = draw.output("out", rows * columns);
      draw.backend.gatherPairs({ out, a, ia, b, ib }, {
        rows,
        columns,
        activation: draw.pick(["none", "relu"]),
      });
    },
  },
  {
    name: "adam",
    tolerance: elementwise,
    run(draw) {
      const n = draw.size() * draw.size(20);
      const parameter = draw.changed("parameter", draw.input(n));
      const m = draw.changed("m", draw.input(n, { scale: 0.1 }));
      const v = draw.changed("v", draw.exact(Float32Array.from({ length: n }, () => 0.1 + draw.uniform())));
      const factor = draw.chance() ? draw.exact(Float32Array.of(0.3)) : undefined;
      draw.backend.adam({ parameter, gradient: draw.input(n), m, v, gradientFactor: factor }, n, {
        learningRate: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: draw.pick([0, 0.1]),
        decoupled: draw.chance(),
        step: draw.pick([1, 2, 1000]),
      });
    },
  },
];

const convolutionCases: OperationCase[] = [
  {
    name: "causalConvolution and its gradient",
    tolerance: product,
    half: true,
    run(draw) {
      const [batch, channels, length, taps] = [draw.size(3), draw.size(12), draw.size(600), draw.size(5)];
      const rows = batch * channels;
      const [x, weight] = [draw.input(rows * length), draw.input(channels * taps)];
      const bias = draw.chance() ? draw.input(channels) : null;
      const out = draw.output("out", rows * length), shape = { rows, channels, length, taps };
      draw.backend.causalConvolution({ out, x, weight, bias }, shape);
      const dx = draw.chance() ? draw.output("dx", rows * length) : null;
      const dweight = draw.chance() ? draw.output("dweight", channels * taps) : null;
      const dbias = draw.chance() ? draw.output("dbias", channels) : null;
      const dy = draw.input(rows * length, { shift: 0.5 });
      draw.backend.causalConvolutionBackward({ dx, dweight, dbias, dy, x, weight }, shape);
    },
  },
  {
    name: "realFft, complexMultiply and inverseRealFft",
    tolerance: product,
    run(draw) {
      const n = 2 ** draw.integer(1, 12);
      const [bRows, length] = [draw.size(3), draw.integer(1, n)];
      const rows = bRows * draw.size(2), width = n + 2;
      const spectrum = draw.output("spectrum", rows * width);
      draw.backend.realFft(spectrum, draw.input(rows * length), rows, length, n);
      const other = draw.input(bRows * width);
      const place = draw.chance() ? draw.changed("product in place", draw.input(rows * width)) : null;
      const multiplied = place ?? draw.output("product", rows * width);
      const options = { conjugateB: draw.chance() };
      draw.backend.complexMultiply({ out: multiplied, a: place ?? spectrum, b: other }, {
        rows,
        bRows,
        frequencies: n / 2 + 1,
        ...options,
      });
      const copy = draw.exact(new Float32Array(rows * width));
      draw.backend.copy2d({ storage: copy }, { storage: multiplied }, { rows, columns: width });
      draw.backend.inverseRealFft(draw.output("samples", rows * length), copy, rows, length, n);
    },
  },
];

export const operationCases: OperationCase[] = [
  ...matmulCases,
  ...elementwiseCases,
  ...reductionCases,
  ...layerCases,
  ...rowCases,
  ...convolutionCases,
];
