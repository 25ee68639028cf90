import { assertEquals } from "@std/assert";
import { killAll } from "./random_kills.ts";

Deno.test("scripts that are killed at random moments lose nothing, and --resume leaves nothing behind", async (test) => {
  const tallies = [...(await killAll(12, 5)).values()];
  assertEquals(tallies.flatMap(({ losses }) => losses), []);
  await test.step(`${tallies.reduce((sum, { kills }) => sum + kills, 0)} kills`, () => {});
});
