import { UnaryFunction } from "../operation_codes";
import { Constants, HALF, ONE } from "./constants";
import { Lanes } from "./lanes";

const SQRT_HALF: usize = memory.data<f32>([0.70710678]);
const MINUS_HALF: usize = memory.data<f32>([-0.5]);
/** 1 / sqrt(2 pi). */
const DENSITY: usize = memory.data<f32>([0.398942280]);
/** sqrt(2 / pi), times 0.044715, and three times that: the argument of the tanh in gelu, and its slope. */
const GELU_TANH: usize = memory.data<f32>([0.7978845608028654, 0.035677408136300125, 0.10703222440890037]);

/** The activations and their derivatives on four lanes. */
export class Activations {
  /** f(x), for a loop that is written for one function: `f` a constant. */
  @inline
  static one(f: i32, x: v128): v128 {
    switch (f) {
      case UnaryFunction.Relu:
        return f32x4.pmax(x, f32x4.splat(0));
      case UnaryFunction.Gelu: {
        const half = f32x4.mul(x, Constants.of(HALF));
        return Lanes.madd(half, Lanes.erf(f32x4.mul(x, Constants.of(SQRT_HALF))), half);
      }
      case UnaryFunction.GeluTanh: {
        const half = f32x4.mul(x, Constants.of(HALF));
        return Lanes.madd(half, Lanes.tanh(Activations.tanhArgument(x)), half);
      }
      case UnaryFunction.Silu:
        return f32x4.mul(x, Lanes.sigmoid(x));
      case UnaryFunction.Tanh:
        return Lanes.tanh(x);
      case UnaryFunction.Sin:
        return Lanes.sinShifted(x, 0);
      case UnaryFunction.Exp:
        return Lanes.exp(x);
      default:
        return x;
    }
  }

  /**
   * f of `bytes` (a multiple of 32) of numbers, which stay where they lie. The function is found out once, not at every
   * vector.
   */
  static inPlace(f: i32, at: usize, bytes: usize): void {
    switch (f) {
      case UnaryFunction.Relu:
        return Activations.loop(UnaryFunction.Relu, at, bytes);
      case UnaryFunction.Gelu:
        return Activations.loop(UnaryFunction.Gelu, at, bytes);
      case UnaryFunction.GeluTanh:
        return Activations.loop(UnaryFunction.GeluTanh, at, bytes);
      case UnaryFunction.Silu:
        return Activations.loop(UnaryFunction.Silu, at, bytes);
      case UnaryFunction.Tanh:
        return Activations.loop(UnaryFunction.Tanh, at, bytes);
      case UnaryFunction.Sin:
        return Activations.loop(UnaryFunction.Sin, at, bytes);
    }
  }

  @inline
  static loop(f: i32, at: usize, bytes: usize): void {
    for (const end = at + bytes; at < end; at += 32) {
      const first = Activations.one(f, v128.load(at)), second = Activations.one(f, v128.load(at, 16));
      v128.store(at, first);
      v128.store(at, second, 16);
    }
  }

  /** f'(x), `f` a constant; for Tanh with `fromOutput`, x is tanh's value. */
  @inline
  static slope(f: i32, x: v128, fromOutput: bool): v128 {
    const one = Constants.of(ONE);
    switch (f) {
      case UnaryFunction.Relu:
        return v128.and(f32x4.gt(x, f32x4.splat(0)), one);
      case UnaryFunction.Gelu: {
        const cumulative = Lanes.madd(
          Constants.of(HALF),
          Lanes.erf(f32x4.mul(x, Constants.of(SQRT_HALF))),
          Constants.of(HALF),
        );
        const density = f32x4.mul(
          Lanes.exp(f32x4.mul(f32x4.mul(x, x), Constants.of(MINUS_HALF))),
          Constants.of(DENSITY),
        );
        return Lanes.madd(x, density, cumulative);
      }
      case UnaryFunction.GeluTanh: {
        const t = Lanes.tanh(Activations.tanhArgument(x));
        const half = Constants.of(HALF);
        const inner = Lanes.madd(
          f32x4.mul(x, x),
          Constants.of(GELU_TANH, 2),
          Constants.of(GELU_TANH, 0),
        );
        const outer = f32x4.mul(f32x4.mul(half, x), Lanes.nmadd(t, t, one));
        return Lanes.madd(outer, inner, Lanes.madd(half, t, half));
      }
      case UnaryFunction.Silu: {
        const s = Lanes.sigmoid(x);
        return f32x4.mul(s, Lanes.madd(x, f32x4.sub(one, s), one));
      }
      case UnaryFunction.Tanh: {
        const t = fromOutput ? x : Lanes.tanh(x);
        return Lanes.nmadd(t, t, one);
      }
      case UnaryFunction.Sin:
        return Lanes.sinShifted(x, 1.5707963267948966);
      default:
        return one;
    }
  }

  /** sqrt(2 / pi) (x + 0.044715 x^3). */
  @inline
  static tanhArgument(x: v128): v128 {
    const inner = Lanes.madd(
      f32x4.mul(x, x),
      Constants.of(GELU_TANH, 1),
      Constants.of(GELU_TANH, 0),
    );
    return f32x4.mul(x, inner);
  }
}
