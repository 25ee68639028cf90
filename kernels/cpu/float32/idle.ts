/** A kernel that computes nothing. */

@unmanaged
export class IdleJob {
  turns: i32;
}

/** Do nothing for a given number of turns: for measuring and for the tests of the thread pool. */
export function idle(job: IdleJob): void {
  for (let i = job.turns; i > 0; i--) atomic.load<i32>(16);
}
