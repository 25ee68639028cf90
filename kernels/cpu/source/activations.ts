import { UnaryFunction } from "../kernel_ids";
import { Lanes } from "./lanes";

/** The activations and their derivatives on four lanes. */
export class Activations {
  /** f(x), for a loop that is written for one function: `f` a constant. */
  @inline
  static one(f: i32, x: v128): v128 {
    switch (f) {
      case UnaryFunction.Relu:
        return f32x4.pmax(x, f32x4.splat(0));
      case UnaryFunction.Gelu: {
        const half = f32x4.mul(x, f32x4.splat(0.5));
        return Lanes.madd(half, Lanes.erf(f32x4.mul(x, f32x4.splat(0.70710678))), half);
      }
      case UnaryFunction.GeluTanh: {
        const half = f32x4.mul(x, f32x4.splat(0.5));
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

  /** f(x), for where the function is found out vector by vector. */
  static apply(f: i32, x: v128): v128 {
    return Activations.one(f, x);
  }

  /** f'(x), `f` a constant; for Tanh with `fromOutput`, x is tanh's value. */
  @inline
  static slope(f: i32, x: v128, fromOutput: bool): v128 {
    const one = f32x4.splat(1);
    switch (f) {
      case UnaryFunction.Relu:
        return v128.and(f32x4.gt(x, f32x4.splat(0)), one);
      case UnaryFunction.Gelu: {
        const cumulative = Lanes.madd(
          f32x4.splat(0.5),
          Lanes.erf(f32x4.mul(x, f32x4.splat(0.70710678))),
          f32x4.splat(0.5),
        );
        const density = f32x4.mul(
          Lanes.exp(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5))),
          f32x4.splat(0.398942280),
        );
        return Lanes.madd(x, density, cumulative);
      }
      case UnaryFunction.GeluTanh: {
        const t = Lanes.tanh(Activations.tanhArgument(x));
        const half = f32x4.splat(0.5);
        const inner = Lanes.madd(
          f32x4.mul(x, x),
          f32x4.splat(<f32> (3 * 0.044715 * 0.7978845608028654)),
          f32x4.splat(0.7978845608028654),
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
      f32x4.splat(<f32> (0.044715 * 0.7978845608028654)),
      f32x4.splat(0.7978845608028654),
    );
    return f32x4.mul(x, inner);
  }
}
