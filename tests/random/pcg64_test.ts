import { assertEquals, assertThrows } from "@std/assert";
import { defaultRng } from "../../lib/random/pcg64.ts";
import { golden } from "../support/golden.ts";

const expected = JSON.parse(Deno.readTextFileSync(golden("classical/unit/bootstrap/expected.json")!)) as {
  integers: { seed: number; high: number; size: number; draws: number[][] }[];
  pcg64: { seed: number; state: string; inc: string; uint64_first_8: string[] }[];
};

for (const { seed, state, inc, uint64_first_8 } of expected.pcg64) {
  Deno.test(`defaultRng(${seed}) starts from NumPy's state and gives its 64-bit words`, () => {
    const rng = defaultRng(seed);
    assertEquals(rng.state, { state: BigInt(state), increment: BigInt(inc) });
    assertEquals(uint64_first_8.map(() => rng.uint64()), uint64_first_8.map(BigInt));
  });
}

for (const { seed, high, size, draws } of expected.integers) {
  Deno.test(`defaultRng(${seed}).integers(0, ${high}, ${size}) draws what NumPy draws, call after call`, () => {
    const rng = defaultRng(seed);
    for (const draw of draws) assertEquals([...rng.integers(0, high, size)], draw);
  });
}

// np.random.default_rng(seed), then .integers(0, 10, 4), (-5, 1500000000, 4), (0, 2**31, 3), (-2**31, 2**31, 3), (5, 6, 3), (0, 377, 3)
const mixed: [number | bigint, number[][]][] = [
  [0, [
    [8, 6, 5, 2],
    [461744130, 24791448, 1219905357, 974123622],
    [1960127676, 1081530687, 1302740408],
    [
      2021825093,
      985680223,
      568098751,
    ],
    [5, 5, 5],
    [204, 211, 352],
  ]],
  [2 ** 40 + 3, [
    [7, 7, 4, 9],
    [505247105, 1179397862, 178259415, 848618431],
    [1718676890, 1429464310, 1627990583],
    [
      263733437,
      1597265359,
      -1482602194,
    ],
    [5, 5, 5],
    [138, 239, 287],
  ]],
  [2n ** 70n + 5n, [
    [4, 1, 4, 2],
    [449719147, 890177760, 1427735403, 231289203],
    [1449687044, 950141691, 964769088],
    [
      -138677173,
      654909093,
      999443174,
    ],
    [5, 5, 5],
    [376, 177, 288],
  ]],
];
for (const [seed, draws] of mixed) {
  Deno.test(`defaultRng(${seed}) draws integers of any 32-bit range as NumPy does, halves of a word carried over`, () => {
    const rng = defaultRng(seed);
    const ranges = [[0, 10, 4], [-5, 1500000000, 4], [0, 2 ** 31, 3], [-(2 ** 31), 2 ** 31, 3], [5, 6, 3], [
      0,
      377,
      3,
    ]];
    assertEquals(ranges.map(([low, high, size]) => [...rng.integers(low, high, size)]), draws);
  });
}

Deno.test("defaultRng() refuses negative and fractional seeds, and empty ranges", () => {
  assertThrows(() => defaultRng(-1), RangeError, "not -1");
  assertThrows(() => defaultRng(0.5), RangeError, "not 0.5");
  assertThrows(() => defaultRng(1).integers(3, 3, 1), RangeError, "3 to 3 is no range");
  assertThrows(() => defaultRng(1).integers(0, 2 ** 33, 1), RangeError);
});
