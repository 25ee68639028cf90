/** Element-wise operations. */
import { Kernel } from "../../../kernels/cpu/kernels.ts";
import { BinaryFunction, Repeat, UnaryFunction } from "../../../kernels/cpu/operation_codes.ts";
import type { Backend } from "../backend.ts";
import { activationCodes } from "./activation_codes.ts";
import { type Engine, flatChunks } from "./engine.ts";
import { float } from "./thread_pool.ts";

type ElementWise = Pick<
  Backend,
  | "unary"
  | "unaryBackward"
  | "binary"
  | "linearCombination"
  | "siluGate"
  | "siluGateBackward"
  | "dropout"
>;

const binaryCodes = {
  add: BinaryFunction.Add,
  subtract: BinaryFunction.Subtract,
  multiply: BinaryFunction.Multiply,
};

const repeatCodes = { same: Repeat.Same, row: Repeat.Row, column: Repeat.Column, scalar: Repeat.Scalar };

export function elementWise(engine: Engine): ElementWise {
  return {
    unary(f, out, x, n) {
      engine.check(`${f} of ${n}: out`, out, n);
      engine.check(`${f} of ${n}: x`, x, n);
      const code = f === "exp" ? UnaryFunction.Exp : f === "copy" ? UnaryFunction.None : activationCodes[f];
      engine.run(Kernel.Unary, flatChunks(n), [engine.pointer(out), engine.pointer(x), n, code]);
    },

    unaryBackward(f, dx, dy, x, n, { fromOutput = false } = {}) {
      const what = `gradient of ${f} of ${n}`;
      for (const [name, storage] of Object.entries({ dx, dy, x })) {
        engine.check(`${what}: ${name}`, storage, n);
      }
      engine.run(Kernel.UnaryBackward, flatChunks(n), [
        ...[engine.pointer(dx), engine.pointer(dy), engine.pointer(x), n, activationCodes[f], +fromOutput],
      ]);
    },

    binary(f, out, a, b, rows, columns, broadcast) {
      const n = rows * columns;
      const what = `${f} of ${rows} x ${columns}, ${broadcast}`;
      engine.check(`${what}: out`, out, n);
      engine.check(`${what}: a`, a, n);
      engine.check(`${what}: b`, b, { same: n, row: columns, column: rows, scalar: 1 }[broadcast]);
      engine.run(Kernel.Binary, flatChunks(n), [
        ...[engine.pointer(out), engine.pointer(a), engine.pointer(b), n, columns],
        ...[binaryCodes[f], repeatCodes[broadcast]],
      ]);
    },

    linearCombination(out, alpha, a, beta, b, n) {
      engine.check(`linearCombination of ${n}: out`, out, n);
      engine.check(`linearCombination of ${n}: a`, a, n);
      engine.check(`linearCombination of ${n}: b`, b, n);
      engine.run(Kernel.LinearCombination, flatChunks(n), [
        ...[engine.pointer(out), engine.pointer(a), engine.pointer(b), n, float(alpha), float(beta)],
      ]);
    },

    siluGate(out, x, rows, width) {
      const n = rows * width;
      engine.check(`siluGate of ${rows} x ${width}: out`, out, n);
      engine.check(`siluGate of ${rows} x ${width}: x`, x, 2 * n);
      engine.run(Kernel.SiluGate, flatChunks(n), [engine.pointer(out), engine.pointer(x), 0, n, width]);
    },

    siluGateBackward(dx, dy, x, rows, width) {
      const n = rows * width;
      const what = `gradient of siluGate of ${rows} x ${width}`;
      engine.check(`${what}: dx`, dx, 2 * n);
      engine.check(`${what}: dy`, dy, n);
      engine.check(`${what}: x`, x, 2 * n);
      engine.run(Kernel.SiluGateBackward, flatChunks(n), [
        ...[engine.pointer(dx), engine.pointer(x), engine.pointer(dy), n, width],
      ]);
    },

    dropout(out, x, n, p, seed, stream) {
      engine.check(`dropout of ${n}: out`, out, n);
      engine.check(`dropout of ${n}: x`, x, n);
      // The largest threshold keeps one word in 2^32 where p rounds to 1; the contract would keep none.
      const threshold = Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
      engine.run(Kernel.Dropout, flatChunks(n), [
        ...[engine.pointer(out), engine.pointer(x), n, threshold, float(1 / (1 - p)), seed, stream],
      ]);
    },
  };
}
