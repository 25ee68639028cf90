// Written by kernels/cpu/build.ts from the exported functions of float32/ that take a job.

import { Kernel } from "../kernels";
import { packAttention, AttentionJob, attention } from "./attention";
import { attentionBackward, AttentionBackwardJob } from "./attention_backward";
import { attentionWeights, AttentionRowsJob, attentionSlopes, finishAttention, FinishAttentionJob } from "./attention_rows";
import { causalConvolution, ConvolutionJob, convolutionInputGradient, convolutionWeightGradient, ConvolutionWeightJob, complexMultiply, ComplexMultiplyJob } from "./convolution";
import { dropout, DropoutJob } from "./dropout";
import { unary, UnaryJob, unaryBackward, UnaryBackwardJob, binary, BinaryJob, linearCombination, CombinationJob } from "./elementwise";
import { realFft, FourierJob, inverseRealFft } from "./fourier";
import { siluGate, GateJob, siluGateBackward } from "./gate";
import { idle, IdleJob } from "./idle";
import { layerNorm, LayerNormJob, layerNormBackward, LayerNormBackwardJob, rotary, RotaryJob } from "./layers";
import { packOperands, PackJob, multiplyTiles, MultiplyJob, epilogue, EpilogueJob } from "./matmul";
import { fill, FillJob, copy2d, CopyJob, transpose, TransposeJob } from "./moves";
import { columnPartials, ColumnSumJob, columnTotals, ColumnTotalsJob, rowSum, RowSumJob, flatPartials, FlatSumJob, flatTotals, flagNonFinite, FlagJob } from "./reductions";
import { gatherRows, GatherJob, scatterAddRows, ScatterJob, gatherPairs, PairsJob, maskedMeanBackward, MeanBackwardJob } from "./rows";
import { adam, AdamJob, squaredErrorBackward, SquaredErrorJob, clipFactor, ClipJob } from "./updates";

/** Run one chunk of a job. */
export function dispatch(kernel: i32, job: usize, chunk: i32, scratch: usize): void {
  if (kernel == Kernel.PackAttention) return packAttention(changetype<AttentionJob>(job), chunk);
  if (kernel == Kernel.Attention) return attention(changetype<AttentionJob>(job), chunk, scratch);
  if (kernel == Kernel.AttentionBackward) return attentionBackward(changetype<AttentionBackwardJob>(job), chunk, scratch);
  if (kernel == Kernel.AttentionWeights) return attentionWeights(changetype<AttentionRowsJob>(job), chunk);
  if (kernel == Kernel.AttentionSlopes) return attentionSlopes(changetype<AttentionRowsJob>(job), chunk);
  if (kernel == Kernel.FinishAttention) return finishAttention(changetype<FinishAttentionJob>(job), chunk);
  if (kernel == Kernel.CausalConvolution) return causalConvolution(changetype<ConvolutionJob>(job), chunk);
  if (kernel == Kernel.ConvolutionInputGradient) return convolutionInputGradient(changetype<ConvolutionJob>(job), chunk);
  if (kernel == Kernel.ConvolutionWeightGradient) return convolutionWeightGradient(changetype<ConvolutionWeightJob>(job), chunk);
  if (kernel == Kernel.ComplexMultiply) return complexMultiply(changetype<ComplexMultiplyJob>(job), chunk);
  if (kernel == Kernel.Dropout) return dropout(changetype<DropoutJob>(job), chunk);
  if (kernel == Kernel.Unary) return unary(changetype<UnaryJob>(job), chunk);
  if (kernel == Kernel.UnaryBackward) return unaryBackward(changetype<UnaryBackwardJob>(job), chunk);
  if (kernel == Kernel.Binary) return binary(changetype<BinaryJob>(job), chunk);
  if (kernel == Kernel.LinearCombination) return linearCombination(changetype<CombinationJob>(job), chunk);
  if (kernel == Kernel.RealFft) return realFft(changetype<FourierJob>(job), chunk, scratch);
  if (kernel == Kernel.InverseRealFft) return inverseRealFft(changetype<FourierJob>(job), chunk, scratch);
  if (kernel == Kernel.SiluGate) return siluGate(changetype<GateJob>(job), chunk);
  if (kernel == Kernel.SiluGateBackward) return siluGateBackward(changetype<GateJob>(job), chunk);
  if (kernel == Kernel.Idle) return idle(changetype<IdleJob>(job));
  if (kernel == Kernel.LayerNorm) return layerNorm(changetype<LayerNormJob>(job), chunk);
  if (kernel == Kernel.LayerNormBackward) return layerNormBackward(changetype<LayerNormBackwardJob>(job), chunk);
  if (kernel == Kernel.Rotary) return rotary(changetype<RotaryJob>(job), chunk);
  if (kernel == Kernel.PackOperands) return packOperands(changetype<PackJob>(job), chunk);
  if (kernel == Kernel.MultiplyTiles) return multiplyTiles(changetype<MultiplyJob>(job), chunk, scratch);
  if (kernel == Kernel.Epilogue) return epilogue(changetype<EpilogueJob>(job), chunk, scratch);
  if (kernel == Kernel.Fill) return fill(changetype<FillJob>(job), chunk);
  if (kernel == Kernel.Copy2d) return copy2d(changetype<CopyJob>(job), chunk);
  if (kernel == Kernel.Transpose) return transpose(changetype<TransposeJob>(job), chunk);
  if (kernel == Kernel.ColumnPartials) return columnPartials(changetype<ColumnSumJob>(job), chunk);
  if (kernel == Kernel.ColumnTotals) return columnTotals(changetype<ColumnTotalsJob>(job), chunk);
  if (kernel == Kernel.RowSum) return rowSum(changetype<RowSumJob>(job), chunk);
  if (kernel == Kernel.FlatPartials) return flatPartials(changetype<FlatSumJob>(job), chunk);
  if (kernel == Kernel.FlatTotals) return flatTotals(changetype<FlatSumJob>(job));
  if (kernel == Kernel.FlagNonFinite) return flagNonFinite(changetype<FlagJob>(job), chunk);
  if (kernel == Kernel.GatherRows) return gatherRows(changetype<GatherJob>(job), chunk);
  if (kernel == Kernel.ScatterAddRows) return scatterAddRows(changetype<ScatterJob>(job), chunk);
  if (kernel == Kernel.GatherPairs) return gatherPairs(changetype<PairsJob>(job), chunk);
  if (kernel == Kernel.MaskedMeanBackward) return maskedMeanBackward(changetype<MeanBackwardJob>(job), chunk);
  if (kernel == Kernel.Adam) return adam(changetype<AdamJob>(job), chunk);
  if (kernel == Kernel.SquaredErrorBackward) return squaredErrorBackward(changetype<SquaredErrorJob>(job), chunk);
  if (kernel == Kernel.ClipFactor) return clipFactor(changetype<ClipJob>(job));
  unreachable();
}
