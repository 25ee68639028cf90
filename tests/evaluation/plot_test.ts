import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { inflateSync } from "node:zlib";
import { renderHexbinLayers, renderHexbinSvg } from "../../lib/evaluation/plot.ts";
import { layersToPng, svgToPng } from "../../lib/evaluation/plot_png.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";

const truth = new ModelStream(1).fillNormal(new Float32Array(20_000), 0, 0.3);
const noise = new ModelStream(2).fillNormal(new Float32Array(20_000), 0, 0.1);
const predicted = truth.map((value, i) => 0.4 * value + noise[i]);
const title = "linear_pca: Pred vs GT\nGlobal Pearson r = 0.7638";
const picture = renderHexbinSvg({ truth, predicted, title, limits: [-1, 1] });

/** Texts of the picture in order, superscripts joined. */
const texts = (svg: string) =>
  [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, inside]) => inside.replace(/<[^>]*>/g, ""));

Deno.test("renderHexbinSvg() labels axes and colour bar, and sets the title in lines", () => {
  const found = texts(picture);
  for (
    const text of [
      "Ground Truth Expression",
      "Predicted Expression",
      "Points per hexagon (log10 scale)",
      "linear_pca: Pred vs GT",
      "Global Pearson r = 0.7638",
      "−1.0",
      "0.0",
      "1.0",
      "100",
      "101",
      "102",
    ]
  ) assert(found.includes(text), `${text} is not among ${found.join(" | ")}`);
});

Deno.test("renderHexbinSvg() draws the dashed red diagonal from corner to corner", () => {
  assertStringIncludes(
    picture,
    '<line x1="100" y1="674" x2="700" y2="74" stroke="red" stroke-width="2" stroke-dash',
  );
});

const at = (truth: number[], predicted: number[], limits?: [number, number]) =>
  renderHexbinSvg({
    truth: Float32Array.from(truth),
    predicted: Float32Array.from(predicted),
    title: "",
    ...(limits && { limits }),
  });

/** What the x axis and the y axis reach from and to, by the labels of their first and last mark, in steps of 0.005. */
function axisRanges(svg: string): { x: number[]; y: number[] } {
  const [xMarks, yMarks] = [...svg.matchAll(/<g [^>]*>.*<\/g>/g)].map(([group]) =>
    [...group.matchAll(/<path d="M([\d.]+) ([\d.]+)[vh].*?<text[^>]*>(.*?)<\/text>/g)]
      .map(([, x, y, label]) => ({ x: Number(x), y: Number(y), value: Number(label.replace("−", "-")) }))
  );
  const reach = (marks: typeof xMarks, axis: "x" | "y", ends: number[]) => {
    const first = marks[0], last = marks.at(-1)!;
    const perUnit = (last.value - first.value) / (last[axis] - first[axis]);
    return ends.map((end) => Math.round((first.value + (end - first[axis]) * perUnit) * 200) / 200);
  };
  return { x: reach(xMarks, "x", [100, 700]), y: reach(yMarks, "y", [674, 74]) };
}

Deno.test("renderHexbinSvg() gives both axes one round range that holds all points, the same to both sides of 0", () => {
  for (
    const [points, expected] of [
      [[[-0.53, 0.2], [0.1, 0.3]], [-0.55, 0.55]],
      [[[-3, 40], [0.5, -0.5]], [-45, 45]],
      [[[0.1, 0.4], [-7, 2]], [-8, 8]],
      [[[2, 11], [5, 6]], [1.5, 11.5]], // of one sign: no empty half
      [[[0, 0], [0, 0]], [-0.11, 0.11]],
    ] as const
  ) {
    const svg = at([...points[0]], [...points[1]]);
    assertEquals(axisRanges(svg), { x: [...expected], y: [...expected] });
    assert(!svg.includes("beyond"));
    const starts = [...svg.matchAll(/M([\d.]+) ([\d.]+)l/g)].map(([, x, y]) => [Number(x), Number(y)]);
    for (const [x, y] of starts) assert(x >= 100 && x <= 700 && y >= 74 && y <= 674);
  }
});

Deno.test("renderHexbinSvg() takes the limits that are asked for, and counts what they cut off", () => {
  const svg = at([-3, 0.5, 0.2], [0, 0.5, 0.1], [-1, 1]);
  assertEquals(axisRanges(svg), { x: [-1, 1], y: [-1, 1] });
  assert(texts(svg).includes("1 of 3 points lies beyond these axes"));
});

Deno.test("renderHexbinSvg() draws every hexagon once, in at most 256 colours, the fullest in the last of viridis", () => {
  const paths = [
    ...picture.matchAll(/<path fill="(#[0-9a-f]{6})" d="([^"]*)"/g),
  ];
  assert(paths.length > 20 && paths.length <= 256);
  const hexagons = paths.reduce((sum, [, , path]) => sum + path.split("M").length - 1, 0);
  assert(hexagons > 300 && hexagons < 50 * 58);
  assertEquals(paths.filter(([, colour]) => colour === "#fde725").length, 1);
  assertEquals(paths.filter(([, colour]) => colour === "#440154").length, 1);
});

Deno.test("renderHexbinSvg() says how many points the limits cut off, and is silent when there are none", () => {
  const beyond = truth.filter((value, i) => Math.abs(value) > 1 || Math.abs(predicted[i]) > 1).length;
  assert(texts(picture).includes(`${beyond} of 20,000 points lie beyond these axes`));
  assert(texts(renderHexbinSvg({ truth, predicted, title })).includes("20,000 points"));
});

Deno.test("renderHexbinSvg() without limits leaves room around the outermost hexagons", () => {
  const svg = renderHexbinSvg({
    truth: Float32Array.of(0, 10),
    predicted: Float32Array.of(0, 10),
    title: "",
  });
  const starts = [...svg.matchAll(/M([\d.]+) ([\d.]+)l/g)].map(([, x, y]) => [Number(x), Number(y)]);
  assertEquals(starts.length, 2);
  for (const [x, y] of starts) assert(x > 105 && x < 695 && y > 74 && y < 674);
});

Deno.test("renderHexbinSvg() keeps its labels apart, and within the picture", () => {
  const long =
    "a_model_with_a_very_long_name_that_goes_on_and_on_for_more_than_one_would_think: Train Pred vs GT";
  const wide = truth.map((value) => 1000 * value), tiny = predicted.map((value) => 1e-5 * value);
  for (
    const svg of [
      picture,
      renderHexbinSvg({ truth: wide, predicted: tiny, title: `${long}\nGlobal Pearson r = -0.1234` }),
      renderHexbinSvg({
        truth: Float32Array.of(1e-5, 2e-5),
        predicted: Float32Array.of(0, 1e-5),
        title: "x",
      }),
    ]
  ) {
    const boxes = textBoxes(svg);
    boxes.forEach((box, i) => {
      assert(
        box.left >= 0 && box.right <= 860 && box.top >= 0 && box.bottom <= 760,
        `${box.text} leaves the picture`,
      );
      for (const other of boxes.slice(i + 1)) {
        const apart = box.right < other.left || other.right < box.left || box.bottom < other.top ||
          other.bottom < box.top;
        assert(apart, `"${box.text}" and "${other.text}" collide`);
      }
    });
  }
});

interface Box {
  text: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Where texts lie, a character taken as 0.62 of the font size wide. */
function textBoxes(svg: string): Box[] {
  const attribute = (tag: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
  return [...svg.matchAll(/<text([^>]*)>(.*?)<\/text>/g)].filter(([, , inside]) => inside !== "").map(
    ([, tag, inside]) => {
      const text = inside.replace(/<[^>]*>/g, "");
      const size = Number(attribute(tag, "font-size") ?? 15), width = 0.62 * size * text.length;
      const anchor = attribute(tag, "text-anchor") ?? "start";
      const start = anchor === "middle" ? -width / 2 : anchor === "end" ? -width : 0;
      const turned = /translate\(([\d.]+) ([\d.]+)\) rotate\(-90\)/.exec(tag);
      if (turned !== null) {
        const [x, y] = [Number(turned[1]), Number(turned[2])];
        return {
          text,
          left: x - 0.8 * size,
          right: x + 0.25 * size,
          top: y - width / 2,
          bottom: y + width / 2,
        };
      }
      const x = Number(attribute(tag, "x")), y = Number(attribute(tag, "y"));
      return {
        text,
        left: x + start,
        right: x + start + width,
        top: y - 0.8 * size,
        bottom: y + 0.25 * size,
      };
    },
  );
}

Deno.test("renderHexbinSvg() escapes what a title may hold", () => {
  assertStringIncludes(
    renderHexbinSvg({ truth, predicted, title: `a<b & "c"` }),
    `a&lt;b &amp; &quot;c&quot;</text>`,
  );
  const hostile = renderHexbinSvg({
    truth,
    predicted,
    title: "</title></text><script>\0",
    xLabel: "<b>",
    yLabel: "&",
  });
  assert(!/<script|<b>|\0/.test(hostile));
});

Deno.test("svgToPng() draws a title that holds characters which XML forbids", async () => {
  await svgToPng(renderHexbinSvg({ truth, predicted, title: "a\0\x1b\ud800 <&\"' b", limits: [-1, 1] }));
});

Deno.test("renderHexbinSvg() of nothing finite is an empty frame that says so", () => {
  const svg = renderHexbinSvg({
    truth: Float32Array.of(NaN),
    predicted: Float32Array.of(1),
    title: "x",
    limits: [-1, 1],
  });
  assert(texts(svg).includes("There are no finite values"));
  assert(!/NaN|Infinity|undefined/.test(svg));
});

Deno.test("svgToPng() gives a PNG of one and a half pixels a unit", async () => {
  const png = await svgToPng(picture);
  assertEquals([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const view = new DataView(png.buffer, png.byteOffset);
  assertEquals([view.getUint32(16), view.getUint32(20)], [1290, 1140]);
});

Deno.test("svgToPng() draws the text: its font is found", async () => {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50">`;
  const style = `font-family="DejaVu Sans" font-size="20"`;
  const blank = await svgToPng(`${text}</svg>`);
  const one = await svgToPng(`${text}<text x="10" y="30" ${style}>r = 0.76</text></svg>`);
  const two = await svgToPng(`${text}<text x="10" y="30" ${style}>r = 0.77</text></svg>`);
  assert(one.length > blank.length + 200);
  assertNotEquals(one, two);
});

Deno.test("layersToPng() draws the picture of the SVG", async () => {
  const ones = Float32Array.of(0.2, 0.2, -0.7), none = new Float32Array(3).fill(NaN);
  const flat = predicted.map((value) => 1e-3 * value);
  const cases = [
    { truth, predicted, title, limits: [-1, 1] as const },
    { truth, predicted, title },
    { truth, predicted: flat, title },
    { truth: ones, predicted: ones, title, limits: [-0.3, 0.3] as const },
    { truth: ones, predicted: none, title },
  ];
  for (const options of cases) {
    const ours = rowsOf(await layersToPng(renderHexbinLayers(options)));
    const theirs = rowsOf(await svgToPng(renderHexbinSvg(options)));
    assertEquals(ours.length, theirs.length);
    let most = 0, sum = 0;
    for (let at = 0; at < ours.length; at++) {
      const difference = Math.abs(ours[at] - theirs[at]);
      most = Math.max(most, difference);
      sum += difference;
    }
    // Edges: a share of a pixel is measured in four lines here, in sixteenths there. Flat hexagons share pixels, and are laid
    // over each other here, joined there.
    assert(
      (most <= 50 || options.predicted === flat) && sum / ours.length < 0.1,
      `${most} at most, ${sum / ours.length} on average`,
    );
  }
});

/** The rows of a PNG of ours, which has one chunk of pixels behind a header of 33 bytes. */
function rowsOf(png: Uint8Array): Uint8Array {
  const length = new DataView(png.buffer, png.byteOffset).getUint32(33);
  return inflateSync(png.subarray(41, 41 + length));
}
