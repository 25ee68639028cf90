import { assertEquals } from "@std/assert";
import { TileChoice } from "../../../lib/backend/cpu/tile_choice.ts";

/** What a choice answers to products of 2^30 multiplications, and how often it measured. */
function answers(choice: TileChoice, milliseconds: { six: number; four: number }): [boolean[], number] {
  let measured = 0;
  const ways = Array.from({ length: 6 }, () =>
    choice.bySix(2 ** 30, (bySix) => {
      measured++;
      return bySix ? milliseconds.six : milliseconds.four;
    }));
  return [ways, measured];
}

Deno.test("products take turns until a measurement is worth it, then go the faster way", () => {
  const [six, measured] = answers(new TileChoice(), { six: 1, four: 2 });
  assertEquals(six, [true, false, true, true, true, true]);
  assertEquals(measured, 10);
  const [four] = answers(new TileChoice(), { six: 2, four: 1 });
  assertEquals(four, [true, false, true, false, false, false]);
});

Deno.test("rows that are fixed are not measured", () => {
  assertEquals(answers(new TileChoice(4), { six: 1, four: 2 }), [Array(6).fill(false), 0]);
  assertEquals(answers(new TileChoice(6), { six: 2, four: 1 }), [Array(6).fill(true), 0]);
});

Deno.test("a measurement that fails leaves the product its way", () => {
  const choice = new TileChoice();
  const full = () => {
    throw new RangeError("out of memory");
  };
  assertEquals(choice.bySix(2 ** 33, full), false);
  assertEquals(choice.bySix(2 ** 33, full), false);
});
