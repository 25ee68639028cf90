/**
 * The module's entry: what a job is, how threads share it, and which function runs it.
 *
 * A job is a kernel, its arguments and a number of chunks, written by the main thread into one of 64 slots. Threads
 * draw chunk numbers from the ticket, whose upper half is the number of the job: a thread that comes late, or never,
 * holds nobody up, and cannot draw a chunk of a job it has not read. Before a slot is written again the ticket is
 * closed, since the last job shared before may have used the same slot.
 */
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
import { dispatch } from "./dispatch";

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
