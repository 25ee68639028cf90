/**
 * The module's entry: what a job is, how threads share it, and which function runs it.
 *
 * A job is a kernel, its arguments and a number of chunks, written by the main thread into one of 64 slots. Threads
 * draw chunk numbers from the ticket, whose upper half is the number of the job: a thread that comes late, or never,
 * holds nobody up, and cannot draw a chunk of a job it has not read.
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

// The control block, in bytes from its start. lib/backend/cpu/thread_pool.ts knows the same places.
const TICKET: usize = 0; // i64: job << 32 | next chunk
const DONE: usize = 64; // i32: chunks of the job that are finished
const CURRENT: usize = 128; // i32: number of the job, on which idle threads sleep
const SLEEPING: usize = 132; // i32: threads asleep
const MAIN_WAITS: usize = 136; // i32: 1 while the main thread sleeps on DONE
const STOP: usize = 140; // i32: 1 when threads shall end
const FAILED: usize = 144; // i32: 1 when a thread has ended by an error
const SLOTS: usize = 256;
const SLOT_BYTES: usize = 256;

/** A slot: kernel, chunks, then the arguments. */
@unmanaged
class Slot {
  kernel: i32;
  chunks: i32;

  @inline
  static of(control: usize, job: i32): Slot {
    return changetype<Slot>(control + SLOTS + <usize> (job & 63) * SLOT_BYTES);
  }

  @inline
  run(chunk: i32, scratch: usize): void {
    dispatch(this.kernel, changetype<usize>(this) + 8, chunk, scratch);
  }
}

/** A worker's life: spin a while for the next job, then sleep until woken. */
export function serve(control: usize, scratch: usize, spins: i32): void {
  let seen = 0;
  let patience = spins;
  while (!atomic.load<i32>(control, STOP)) {
    const job = <i32> (atomic.load<i64>(control, TICKET) >> 32);
    if (job != seen) {
      seen = job;
      draw(control, job, scratch);
      patience = spins;
    } else if (--patience < 0) {
      atomic.add<i32>(control, 1, SLEEPING);
      atomic.wait<i32>(control + CURRENT, seen, -1);
      atomic.sub<i32>(control, 1, SLEEPING);
      patience = spins;
    }
  }
}

/** Run chunks of the job until none is left. */
function draw(control: usize, job: i32, scratch: usize): void {
  const slot = Slot.of(control, job);
  const chunks = slot.chunks;
  while (true) {
    const ticket = atomic.load<i64>(control, TICKET);
    const chunk = <i32> ticket;
    if (<i32> (ticket >> 32) != job || chunk >= chunks) return;
    if (atomic.cmpxchg<i64>(control, ticket, ticket + 1, TICKET) != ticket) continue;
    slot.run(chunk, scratch);
    const done = atomic.add<i32>(control, 1, DONE) + 1;
    if (done == chunks && atomic.load<i32>(control, MAIN_WAITS)) atomic.notify(control + DONE, 1);
  }
}

/**
 * The main thread's part: publish the job that its slot holds, share the work, wait for the others.
 *
 * @returns 0 when all is done, 1 when a thread has failed, 2 when none has finished a chunk for `stallSeconds`
 */
export function launch(control: usize, job: i32, scratch: usize, spins: i32, stallSeconds: i32): i32 {
  const chunks = Slot.of(control, job).chunks;
  atomic.store<i32>(control, 0, DONE);
  atomic.store<i64>(control, <i64> job << 32, TICKET);
  atomic.store<i32>(control, job, CURRENT);
  if (atomic.load<i32>(control, SLEEPING)) atomic.notify(control + CURRENT, -1);
  draw(control, job, scratch);
  for (let spin = 0; spin < spins; spin++) {
    if (atomic.load<i32>(control, DONE) == chunks) return 0;
  }
  let before = -1, quiet = 0;
  atomic.store<i32>(control, 1, MAIN_WAITS);
  while (true) {
    const done = atomic.load<i32>(control, DONE);
    if (done == chunks || atomic.load<i32>(control, FAILED) || quiet >= 10 * stallSeconds) break;
    quiet = done == before ? quiet + 1 : 0;
    before = done;
    atomic.wait<i32>(control + DONE, done, 100_000_000);
  }
  atomic.store<i32>(control, 0, MAIN_WAITS);
  if (atomic.load<i32>(control, DONE) == chunks) return 0;
  return atomic.load<i32>(control, FAILED) ? 1 : 2;
}

/** Run a whole job on the calling thread, without telling the others. */
export function runAlone(control: usize, job: i32, scratch: usize): void {
  const slot = Slot.of(control, job);
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
