import { assertAlmostEquals, assertEquals } from "@std/assert";
import { duration, TrainingClock } from "../../../../lib/models/nucleotide_transformer/ia3/clock.ts";

/** Four training rows of 100 tokens, two to evaluate of 50; two epochs of two updates. */
function clockAt(time: { ms: number }): TrainingClock {
  const tokenIds = [100, 100, 100, 100, 50, 50].map((length) => new Int32Array(length));
  return new TrainingClock(tokenIds, [0, 1, 2, 3], [4, 5], { steps: 4, stepsOfEpoch: 2 }, () => time.ms);
}

Deno.test("The clock counts an update's tokens as two and a half evaluated ones", () => {
  const time = { ms: 0 }, clock = clockAt(time);
  clock.trained(1, 200);
  clock.trained(2, 200);
  clock.evaluated(100);
  assertAlmostEquals(clock.share, 0.5, 1e-12);
  time.ms = 10_000;
  assertEquals(clock.text(), "44 tokens/s, 10 s left");
  clock.trained(3, 200);
  clock.trained(4, 200);
  clock.evaluated(100);
  assertAlmostEquals(clock.share, 1, 1e-12);
});

Deno.test("A clock that starts in the middle of a run counts what an earlier one did as done, not as its own speed", () => {
  const time = { ms: 0 }, clock = clockAt(time);
  clock.trained(3, 200);
  time.ms = 5_000;
  // Of 2200: 1100 before, 500 in 5 seconds; 600 are left.
  assertAlmostEquals(clock.share, 1600 / 2200, 1e-12);
  assertEquals(clock.text(), "40 tokens/s, 6 s left");
});

Deno.test("duration() speaks in seconds, minutes and hours", () => {
  assertEquals([duration(12.4), duration(600), duration(3 * 3600 + 300), duration(NaN)], [
    "12 s",
    "10 min",
    "3 h 05 min",
    "unknown",
  ]);
});
