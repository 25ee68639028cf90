import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CpuStorage, Heap } from "../../../lib/backend/cpu/heap.ts";
import { DataError } from "../../../lib/cli/errors.ts";

const mebibyte = 2 ** 20;

/** A fixed sequence of numbers in [0, 1). */
function* numbers(seed: number): Generator<number, never> {
  while (true) {
    seed = Math.imul(seed, 1664525) + 1013904223 >>> 0;
    yield seed / 2 ** 32;
  }
}

Deno.test("Heap never hands out the same byte twice and counts every byte, over 5,000 random steps", () => {
  const heap = new Heap(65536);
  const live: CpuStorage[] = [];
  const random = numbers(7);
  for (let step = 0; step < 5000; step++) {
    if (live.length === 0 || random.next().value < 0.5) {
      const storage = heap.allocate("f32", Math.floor(random.next().value ** 3 * 50_000));
      for (const other of live) {
        assert(
          storage.pointer + storage.bytes <= other.pointer || other.pointer + other.bytes <= storage.pointer,
          `step ${step}: ${storage.pointer} overlaps ${other.pointer}`,
        );
      }
      live.push(storage);
    } else {
      heap.release(live.splice(Math.floor(random.next().value * live.length), 1)[0]);
    }
    assertEquals(heap.current, live.reduce((sum, { bytes }) => sum + bytes, 0));
    assert(heap.peak >= heap.current);
  }
});

Deno.test("Heap gives freed neighbours out again as one block", () => {
  const heap = new Heap(65536);
  const parts = Array.from({ length: 10 }, () => heap.allocate("f32", mebibyte / 4));
  const bytes = heap.memory.buffer.byteLength;
  for (const i of [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]) heap.release(parts[i]);
  assertEquals(heap.current, 0);
  heap.allocate("f32", 9 * mebibyte / 4);
  assertEquals(heap.memory.buffer.byteLength, bytes);
});

Deno.test("Heap says what to do when the memory is full, and goes on afterwards", () => {
  const heap = new Heap(65536, 16 * mebibyte);
  const first = heap.allocate("f32", 2 * mebibyte);
  assertThrows(
    () => heap.allocate("f32", 3 * mebibyte),
    DataError,
    "Cannot allocate 13 MiB: the CPU engine holds 9 MiB of at most 16 MiB. A smaller batch or shorter sequences",
  );
  heap.release(first);
  heap.allocate("f32", 3 * mebibyte);
});

Deno.test("Heap refuses to release a storage twice", () => {
  const heap = new Heap(65536);
  const storage = heap.allocate("i32", 10);
  heap.release(storage);
  assertThrows(() => heap.release(storage), RangeError, "a storage of 10 was released twice");
});
