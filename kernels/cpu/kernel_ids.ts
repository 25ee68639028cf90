/**
 * Numbers of the kernels: how the TypeScript side names the code that a job runs. Compiled into the WebAssembly
 * module as well, so that both sides cannot differ.
 */
export enum Kernel {
  PackOperands,
  MultiplyTiles,
  Epilogue,
  Fill,
  Copy2d,
  Transpose,
  Unary,
  UnaryBackward,
  Binary,
  LinearCombination,
  SiluGate,
  SiluGateBackward,
  Dropout,
  Adam,
  ColumnPartials,
  ColumnTotals,
  RowSum,
  FlatPartials,
  FlatTotals,
  FlagNonFinite,
  ClipFactor,
  SquaredErrorBackward,
  LayerNorm,
  LayerNormBackward,
  Rotary,
  PackAttention,
  Attention,
  AttentionBackward,
  MaskedMeanBackward,
  GatherRows,
  ScatterAddRows,
  GatherPairs,
  CausalConvolution,
  ConvolutionInputGradient,
  ConvolutionWeightGradient,
  RealFft,
  InverseRealFft,
  ComplexMultiply,
  /** Does nothing for a given number of turns: for measuring and for the tests of the thread pool. */
  Idle,
}

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
