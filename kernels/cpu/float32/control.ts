/**
 * The control block that threads agree through, in bytes from its start; lib/backend/cpu/thread_pool.ts knows the same
 * places.
 */

/** Where the block lies in memory: up to 17,664 with its slots. Constants follow at 20,480 (build.ts), scratch at 32,768. */
export const CONTROL: usize = 1024;
/** i64: number of the job << 32 | next chunk. */
export const TICKET: usize = 0;
/** i32: chunks of the job that are finished. */
export const DONE: usize = 64;
/** i32: number of the job, on which idle threads sleep. */
export const CURRENT: usize = 128;
/** i32: threads asleep. */
export const SLEEPING: usize = 132;
/** i32: 1 while the main thread sleeps on DONE. */
export const MAIN_WAITS: usize = 136;
/** i32: 1 when threads shall end. */
export const STOP: usize = 140;
/** i32: 1 when a thread has ended by an error. */
export const FAILED: usize = 144;
/** i32: turns whenever a long chunk gets on. */
export const BEAT: usize = 192;
export const SLOTS: usize = 256;
export const SLOT_BYTES: usize = 256;

/** A chunk that may take seconds says now and then that it is alive. */
export function beat(): void {
  atomic.add<i32>(CONTROL, 1, BEAT);
}
