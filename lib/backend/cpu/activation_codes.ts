import { UnaryFunction } from "../../../kernels/cpu/operation_codes.ts";
import type { Activation } from "../backend.ts";

/** The numbers by which the kernels know the activations. */
export const activationCodes: Record<Activation, UnaryFunction> = {
  none: UnaryFunction.None,
  relu: UnaryFunction.Relu,
  gelu: UnaryFunction.Gelu,
  geluTanh: UnaryFunction.GeluTanh,
  silu: UnaryFunction.Silu,
  tanh: UnaryFunction.Tanh,
  sin: UnaryFunction.Sin,
};
