import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { hexagonBins } from "../../lib/evaluation/hexbin.ts";

const reference = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/hexbin.json", import.meta.url)),
) as {
  x: number[];
  y: number[];
  hexagons: Record<string, [x: number, y: number, count: number][]>;
};
const x = Float32Array.from(reference.x), y = Float32Array.from(reference.y);

for (const [across, expected] of Object.entries(reference.hexagons)) {
  Deno.test(`hexagonBins() finds the ${expected.length} hexagons that matplotlib finds, ${across} across`, () => {
    const bins = hexagonBins(x, y, Number(across));
    assertEquals(bins.inside, x.length);
    assertEquals(bins.outside, 0);
    const sorted = (cells: [number, number, number][]) =>
      cells.sort((a, b) => Math.round((a[1] - b[1]) * 1e6) || Math.round((a[0] - b[0]) * 1e6));
    const found = sorted(bins.hexagons.map(({ x, y, count }) => [x, y, count]));
    assertEquals(found.length, expected.length);
    sorted([...expected]).forEach(([hexX, hexY, count], i) => {
      // matplotlib moves its origin by a billionth of the range.
      assertAlmostEquals(found[i][0], hexX, 1e-7);
      assertAlmostEquals(found[i][1], hexY, 1e-7);
      assertEquals(found[i][2], count);
    });
  });
}

Deno.test("hexagonBins() leaves out what is not finite and counts what lies beyond the limits", () => {
  const truth = Float32Array.of(0, 0.5, NaN, 0, 2, 0.1, Infinity, -1);
  const predicted = Float32Array.of(0, 0.5, 0, NaN, 0, -3, 0, 1);
  const { inside, outside, extent, hexagons } = hexagonBins(truth, predicted, 50, [-1, 1]);
  assertEquals([inside, outside], [3, 2]);
  assertEquals(extent, { xMin: -1, xMax: 0.5, yMin: 0, yMax: 1 });
  assertEquals(hexagons.reduce((sum, { count }) => sum + count, 0), 3);
});

Deno.test("hexagonBins() puts every point into the nearest hexagon", () => {
  const { hexagons, stepX, stepY } = hexagonBins(x, y, 20);
  const near = (px: number, py: number) =>
    Math.min(...hexagons.map((hex) => ((px - hex.x) / stepX) ** 2 + 3 * ((py - hex.y) / stepY) ** 2));
  // A hexagon's corner is a third of a step away: 1/4 + 3 / 36 in these units.
  x.forEach((px, i) => assert(near(px, y[i]) <= 1 / 3 + 1e-9));
});

for (
  const [what, values] of [
    ["no point", []],
    ["points that are all NaN", [NaN, NaN]],
    ["one point", [0.3]],
    ["equal points", [0, 0, 0]],
    ["a constant beside a variable", [-5, -5]],
  ] as [string, number[]][]
) {
  Deno.test(`hexagonBins() of ${what} has a range with some width`, () => {
    const truth = Float32Array.from(values, (value, i) => what.includes("variable") ? i : value);
    const { extent, inside, hexagons } = hexagonBins(truth, Float32Array.from(values), 50);
    assert(extent.xMax > extent.xMin && extent.yMax > extent.yMin);
    assertEquals(inside, values.filter(Number.isFinite).length);
    assertEquals(hexagons.reduce((sum, { count }) => sum + count, 0), inside);
  });
}

Deno.test("hexagonBins() keeps points on the upper edges", () => {
  const corners = hexagonBins(Float32Array.of(0, 1, 0, 1), Float32Array.of(0, 0, 1, 1), 50);
  assertEquals(corners.inside, 4);
  assertEquals(corners.hexagons.length, 4);
});
