import { assertAlmostEquals, assertEquals } from "@std/assert";
import { adjustBh, studentP, welchP } from "../../lib/preparation/welch.ts";

Deno.test("studentP() equals scipy.stats.t.sf, from the middle to far tails", () => {
  // 2 * scipy.stats.t.sf(t, df), scipy 1.17.1
  for (
    const [t, freedom, p] of [
      [0.1, 1.5, 0.9320414534869628],
      [2, 3.7, 0.12181720190523398],
      [5, 30.2, 2.291418257147663e-05],
      [12, 250, 1.6735296226983602e-26],
      [40, 5000, 8.41485047193577e-304],
      [1, 1e6, 0.3173107498335783],
    ]
  ) {
    // 1e-8 of itself: the series for ln gamma loses digits at large arguments.
    assertAlmostEquals(studentP(t * t, freedom) / p, 1, 1e-8, `t ${t}, ${freedom} degrees of freedom`);
  }
});

Deno.test("welchP() of samples that do not vary", () => {
  const flat = { mean: 1, variance: 0, rows: 5 };
  assertEquals(welchP(flat, flat), NaN);
  assertEquals(welchP(flat, { ...flat, mean: 2 }), 0);
  assertEquals(welchP({ ...flat, rows: 1 }, { mean: 0, variance: 1, rows: 9 }), NaN);
});

Deno.test("adjustBh() is Benjamini and Hochberg's, without tests that were not made", () => {
  const p = Float64Array.from([0.01, NaN, 0.04, 0.03, 0.5]);
  adjustBh(p);
  const expected = [0.04, NaN, 0.16 / 3, 0.16 / 3, 0.5];
  p.forEach((value, i) => {
    if (Number.isNaN(expected[i])) assertEquals(value, NaN);
    else assertAlmostEquals(value, expected[i], 1e-12);
  });
});
