/**
 * The module's entry: what a job is, how threads share it, and which function runs it.
 *
 * A job is a kernel, its arguments and a number of chunks, written by the main thread into one of 64 slots. Threads
 * draw chunk numbers from the ticket, whose upper half is the number of the job: a thread that comes late, or never,
 * holds nobody up, and cannot draw a chunk of a job it has not read. Before a slot is written again the ticket is
 * closed, since the last job shared before may have used the same slot.
 */
import { Kernel } from "../kernel_ids";
import { attention, AttentionJob, packAttention } from "./attention";
import { attentionBackward, AttentionBackwardJob } from "./attention_backward";
import {
  causalConvolution,
  complexMultiply,
  ComplexMultiplyJob,
  convolutionInputGradient,
  ConvolutionJob,
  convolutionWeightGradient,
  ConvolutionWeightJob,
} from "./convolution";
import {
  BEAT,
  CONTROL,
  CURRENT,
  DONE,
  FAILED,
  MAIN_WAITS,
  SLEEPING,
  SLOT_BYTES,
  SLOTS,
  STOP,
  TICKET,
} from "./control";
import { dropout, DropoutJob } from "./dropout";
import {
  binary,
  BinaryJob,
  CombinationJob,
  copy2d,
  CopyJob,
  fill,
  FillJob,
  GateJob,
  linearCombination,
  siluGate,
  siluGateBackward,
  transpose,
  TransposeJob,
  unary,
  unaryBackward,
  UnaryBackwardJob,
  UnaryJob,
} from "./elementwise";
import { FourierJob, inverseRealFft, realFft } from "./fourier";
import {
  layerNorm,
  layerNormBackward,
  LayerNormBackwardJob,
  LayerNormJob,
  rotary,
  RotaryJob,
} from "./layers";
import { epilogue, EpilogueJob, MultiplyJob, multiplyTiles, PackJob, packOperands } from "./matmul";
import {
  columnPartials,
  ColumnSumJob,
  columnTotals,
  ColumnTotalsJob,
  FlagJob,
  flagNonFinite,
  flatPartials,
  FlatSumJob,
  flatTotals,
  rowSum,
  RowSumJob,
} from "./reductions";
import {
  GatherJob,
  gatherPairs,
  gatherRows,
  maskedMeanBackward,
  MeanBackwardJob,
  PairsJob,
  scatterAddRows,
  ScatterJob,
} from "./rows";
import { adam, AdamJob, clipFactor, ClipJob, squaredErrorBackward, SquaredErrorJob } from "./updates";

/** A slot: kernel, chunks, then the arguments. */
@unmanaged
class Slot {
  kernel: i32;
  chunks: i32;

  @inline
  static of(job: i32): Slot {
    return changetype<Slot>(CONTROL + SLOTS + <usize> (job & 63) * SLOT_BYTES);
  }

  @inline
  run(chunk: i32, scratch: usize): void {
    dispatch(this.kernel, changetype<usize>(this) + 8, chunk, scratch);
  }
}

/** A worker's life: spin a while for the next job, then sleep until woken. */
export function serve(scratch: usize, spins: i32): void {
  let seen = 0;
  let patience = spins;
  while (!atomic.load<i32>(CONTROL, STOP)) {
    const job = <i32> (atomic.load<i64>(CONTROL, TICKET) >> 32);
    if (job != seen) {
      seen = job;
      draw(job, scratch);
      patience = spins;
    } else if (--patience < 0) {
      atomic.add<i32>(CONTROL, 1, SLEEPING);
      atomic.wait<i32>(CONTROL + CURRENT, seen, -1);
      atomic.sub<i32>(CONTROL, 1, SLEEPING);
      patience = spins;
    }
  }
}

/** Run chunks of the job until none is left. */
function draw(job: i32, scratch: usize): void {
  const slot = Slot.of(job);
  const chunks = atomic.load<i32>(changetype<usize>(slot), offsetof<Slot>("chunks"));
  while (true) {
    const ticket = atomic.load<i64>(CONTROL, TICKET);
    const chunk = <i32> ticket;
    if (<i32> (ticket >> 32) != job || chunk >= chunks) return;
    if (atomic.cmpxchg<i64>(CONTROL, ticket, ticket + 1, TICKET) != ticket) continue;
    slot.run(chunk, scratch);
    const done = atomic.add<i32>(CONTROL, 1, DONE) + 1;
    if (done == chunks && atomic.load<i32>(CONTROL, MAIN_WAITS)) atomic.notify(CONTROL + DONE, 1);
  }
}

/**
 * The main thread's part: publish the job that its slot holds, share the work, wait for the others.
 *
 * @returns 0 when all is done, 1 when a thread has failed, 2 when none has got on for `stallSeconds`
 */
export function launch(job: i32, scratch: usize, spins: i32, stallSeconds: i32): i32 {
  const chunks = Slot.of(job).chunks;
  atomic.store<i32>(CONTROL, 0, DONE);
  atomic.store<i64>(CONTROL, <i64> job << 32, TICKET);
  atomic.store<i32>(CONTROL, job, CURRENT);
  if (atomic.load<i32>(CONTROL, SLEEPING)) atomic.notify(CONTROL + CURRENT, -1);
  draw(job, scratch);
  for (let spin = 0; spin < spins; spin++) {
    if (atomic.load<i32>(CONTROL, DONE) == chunks) return 0;
  }
  let before = -1, beatBefore = 0, quiet = 0;
  atomic.store<i32>(CONTROL, 1, MAIN_WAITS);
  while (true) {
    const done = atomic.load<i32>(CONTROL, DONE);
    if (done == chunks || atomic.load<i32>(CONTROL, FAILED) || quiet >= 10 * stallSeconds) break;
    const beat = atomic.load<i32>(CONTROL, BEAT);
    quiet = done == before && beat == beatBefore ? quiet + 1 : 0;
    before = done;
    beatBefore = beat;
    atomic.wait<i32>(CONTROL + DONE, done, 100_000_000);
  }
  atomic.store<i32>(CONTROL, 0, MAIN_WAITS);
  if (atomic.load<i32>(CONTROL, DONE) == chunks) return 0;
  return atomic.load<i32>(CONTROL, FAILED) ? 1 : 2;
}

/** Run a whole job on the calling thread, without telling the others. */
export function runAlone(job: i32, scratch: usize): void {
  const slot = Slot.of(job);
  for (let chunk = 0; chunk < slot.chunks; chunk++) slot.run(chunk, scratch);
}

function dispatch(kernel: i32, job: usize, chunk: i32, scratch: usize): void {
  switch (kernel) {
    case Kernel.PackOperands:
      return packOperands(changetype<PackJob>(job), chunk);
    case Kernel.MultiplyTiles:
      return multiplyTiles(changetype<MultiplyJob>(job), chunk, scratch);
    case Kernel.Epilogue:
      return epilogue(changetype<EpilogueJob>(job), chunk);
    case Kernel.Fill:
      return fill(changetype<FillJob>(job), chunk);
    case Kernel.Copy2d:
      return copy2d(changetype<CopyJob>(job), chunk);
    case Kernel.Transpose:
      return transpose(changetype<TransposeJob>(job), chunk);
    case Kernel.Unary:
      return unary(changetype<UnaryJob>(job), chunk);
    case Kernel.UnaryBackward:
      return unaryBackward(changetype<UnaryBackwardJob>(job), chunk);
    case Kernel.Binary:
      return binary(changetype<BinaryJob>(job), chunk);
    case Kernel.LinearCombination:
      return linearCombination(changetype<CombinationJob>(job), chunk);
    case Kernel.SiluGate:
      return siluGate(changetype<GateJob>(job), chunk);
    case Kernel.SiluGateBackward:
      return siluGateBackward(changetype<GateJob>(job), chunk);
    case Kernel.Dropout:
      return dropout(changetype<DropoutJob>(job), chunk);
    case Kernel.Adam:
      return adam(changetype<AdamJob>(job), chunk);
    case Kernel.ColumnPartials:
      return columnPartials(changetype<ColumnSumJob>(job), chunk);
    case Kernel.ColumnTotals:
      return columnTotals(changetype<ColumnTotalsJob>(job), chunk);
    case Kernel.RowSum:
      return rowSum(changetype<RowSumJob>(job), chunk);
    case Kernel.FlatPartials:
      return flatPartials(changetype<FlatSumJob>(job), chunk);
    case Kernel.FlatTotals:
      return flatTotals(changetype<FlatSumJob>(job));
    case Kernel.FlagNonFinite:
      return flagNonFinite(changetype<FlagJob>(job), chunk);
    case Kernel.ClipFactor:
      return clipFactor(changetype<ClipJob>(job));
    case Kernel.SquaredErrorBackward:
      return squaredErrorBackward(changetype<SquaredErrorJob>(job), chunk);
    default:
      return dispatchLayer(kernel, job, chunk, scratch);
  }
}

/** The kernels of layers, rows by index and convolutions. */
function dispatchLayer(kernel: i32, job: usize, chunk: i32, scratch: usize): void {
  switch (kernel) {
    case Kernel.LayerNorm:
      return layerNorm(changetype<LayerNormJob>(job), chunk);
    case Kernel.LayerNormBackward:
      return layerNormBackward(changetype<LayerNormBackwardJob>(job), chunk);
    case Kernel.Rotary:
      return rotary(changetype<RotaryJob>(job), chunk);
    case Kernel.PackAttention:
      return packAttention(changetype<AttentionJob>(job), chunk);
    case Kernel.Attention:
      return attention(changetype<AttentionJob>(job), chunk, scratch);
    case Kernel.AttentionBackward:
      return attentionBackward(changetype<AttentionBackwardJob>(job), chunk, scratch);
    case Kernel.MaskedMeanBackward:
      return maskedMeanBackward(changetype<MeanBackwardJob>(job), chunk);
    case Kernel.GatherRows:
      return gatherRows(changetype<GatherJob>(job), chunk);
    case Kernel.ScatterAddRows:
      return scatterAddRows(changetype<ScatterJob>(job), chunk);
    case Kernel.GatherPairs:
      return gatherPairs(changetype<PairsJob>(job), chunk);
    case Kernel.CausalConvolution:
      return causalConvolution(changetype<ConvolutionJob>(job), chunk);
    case Kernel.ConvolutionInputGradient:
      return convolutionInputGradient(changetype<ConvolutionJob>(job), chunk);
    case Kernel.ConvolutionWeightGradient:
      return convolutionWeightGradient(changetype<ConvolutionWeightJob>(job), chunk);
    case Kernel.RealFft:
      return realFft(changetype<FourierJob>(job), chunk, scratch);
    case Kernel.InverseRealFft:
      return inverseRealFft(changetype<FourierJob>(job), chunk, scratch);
    case Kernel.ComplexMultiply:
      return complexMultiply(changetype<ComplexMultiplyJob>(job), chunk);
    case Kernel.Idle:
      return idle(changetype<IdleJob>(job));
    default:
      unreachable();
  }
}

@unmanaged
class IdleJob {
  turns: i32;
}

function idle(job: IdleJob): void {
  for (let i = job.turns; i > 0; i--) atomic.load<i32>(16);
}
