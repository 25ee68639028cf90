/**
 * Numbers that jobs carry: how the TypeScript side names the variants of a kernel. Compiled into the WebAssembly module as
 * well, so that both sides cannot differ.
 */

/** Activations and other unary functions, in the numbers that jobs carry. */
export enum UnaryFunction {
  None,
  Relu,
  Gelu,
  GeluTanh,
  Silu,
  Tanh,
  Sin,
  Exp,
}

/** How `binary` repeats its second operand. */
export enum Repeat {
  Same,
  Row,
  Column,
  Scalar,
}

/** What `binary` does. */
export enum BinaryFunction {
  Add,
  Subtract,
  Multiply,
}

/** What `FlatPartials` sums. */
export enum FlatSum {
  Squares,
  SquaredError,
}
