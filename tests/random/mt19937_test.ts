import { assertEquals, assertThrows } from "@std/assert";
import { RandomState } from "../../lib/random/mt19937.ts";
import { golden } from "../support/golden.ts";

interface KFoldCase {
  n: number;
  seed: number;
  n_splits: number;
  shuffled_first_20: number[];
  folds: { test: number[] }[];
}
const cases: KFoldCase[] = JSON.parse(Deno.readTextFileSync(golden("classical/unit/kfold.json")!));

for (const { n, seed, n_splits, shuffled_first_20, folds } of cases) {
  Deno.test(`RandomState(${seed}) shuffles ${n} rows as NumPy does`, () => {
    const shuffled = new RandomState(seed).permutation(n);
    assertEquals([...shuffled.subarray(0, 20)], shuffled_first_20);
    // scikit-learn's folds are consecutive pieces of the shuffled rows, the first n mod n_splits one longer.
    let start = 0;
    folds.forEach(({ test }, fold) => {
      const size = Math.floor(n / n_splits) + (fold < n % n_splits ? 1 : 0);
      assertEquals([...shuffled.subarray(start, start + size)].sort((a, b) => a - b), test);
      start += size;
    });
  });
}

Deno.test("RandomState gives the 32-bit words and float64 that NumPy gives", () => {
  const words = new RandomState(42);
  assertEquals(Array.from({ length: 4 }, () => words.uint32()), [
    1608637542,
    3421126067,
    4083286876,
    787846414,
  ]);
  const floats = new RandomState(42);
  assertEquals([floats.random(), floats.random()], [0.3745401188473625, 0.9507143064099162]);
});

Deno.test("RandomState seeds by an array as NumPy does, the reference implementation's first output included", () => {
  const state = new RandomState([0x123, 0x234, 0x345, 0x456]);
  assertEquals([state.uint32(), state.uint32(), state.uint32()], [1067595299, 955945823, 477289528]);
  assertEquals(new RandomState([42]).random(), 0.6394267984578837);
  const longKey = Array.from({ length: 700 }, (_, i) => i);
  assertEquals(new RandomState(longKey).random(), 0.867898393018711);
});

Deno.test("RandomState goes on with the same stream from one shuffle to the next", () => {
  const state = new RandomState(7);
  assertEquals([...state.permutation(6)], [3, 5, 0, 2, 1, 4]);
  assertEquals([...state.permutation(6)], [4, 5, 3, 2, 1, 0]);
  assertEquals(state.shuffle(["a", "b", "c", "d"]), ["b", "d", "c", "a"]);
});

for (const seed of [-1, 2 ** 32, 1.5, NaN]) {
  Deno.test(`RandomState refuses seed ${seed}`, () => {
    assertThrows(() => new RandomState(seed), RangeError, "is not an integer from 0 to 4294967295");
  });
}
