import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../../lib/io/safetensors.ts";
import { lfsPointer } from "../support/lfs_pointer.ts";
import { golden, testWith } from "../support/golden.ts";

const folder = Deno.makeTempDirSync({ prefix: "safetensors" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A file with the given header (an object, or any text) and data. */
function fileOf(header: unknown, data = new Uint8Array(0), declaredLength?: bigint): string {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, declaredLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return write(bytes);
}

function write(bytes: Uint8Array, name = `${crypto.randomUUID()}.safetensors`): string {
  const path = join(folder, name);
  Deno.writeFileSync(path, bytes);
  return path;
}

const f32 = (shape: number[], start: number, end: number) => ({
  dtype: "F32",
  shape,
  data_offsets: [start, end],
});

Deno.test("encodeSafetensors() writes f32, f16 and i64 tensors that openSafetensors() reads back", async () => {
  const path = write(encodeSafetensors(
    new Map<string, SafetensorsArray>([
      ["half", { shape: [2], data: new Float16Array([1.5, -0.25]) }],
      ["b", { shape: [2, 2], data: new Float32Array([1, -2, 3.25, NaN]) }],
      ["count", { shape: [], data: new BigInt64Array([9007199254740993n]) }],
      ["a", { shape: [0, 3], data: new Float32Array(0) }],
    ]),
    { format: "pt" },
  ));
  const file = await openSafetensors(path);
  assertEquals(file.metadata, { format: "pt" });
  assertEquals([...file.tensors.keys()].sort(), ["a", "b", "count", "half"]);
  assertEquals(file.tensors.get("b")!.shape, [2, 2]);
  assertEquals(await file.read("b"), new Float32Array([1, -2, 3.25, NaN]));
  assertEquals(await file.read("half"), new Float32Array([1.5, -0.25]));
  assertEquals(await file.read("a"), new Float32Array(0));
  assertEquals(await file.readIntegers("count"), new BigInt64Array([9007199254740993n]));
  await assertRejects(() => file.read("c"), DataError, `has no tensor "c"`);
  await assertRejects(() => file.readIntegers("b"), DataError, `tensor "b" is F32, expected I64`);
  file.close();
});

Deno.test("openSafetensors() widens bf16, f64 and small integers", async () => {
  const data = new Uint8Array(2 * 2 + 8 + 2 + 2);
  const view = new DataView(data.buffer);
  view.setUint16(0, 0x3fc0, true); // 1.5
  view.setUint16(2, 0xff80, true); // -infinity
  view.setFloat64(4, 0.1, true);
  view.setInt16(12, -7, true);
  view.setUint8(14, 1);
  view.setInt8(15, -1);
  const file = await openSafetensors(fileOf({
    x: { dtype: "BF16", shape: [2], data_offsets: [0, 4] },
    y: { dtype: "F64", shape: [1], data_offsets: [4, 12] },
    z: { dtype: "I16", shape: [1], data_offsets: [12, 14] },
    yes: { dtype: "BOOL", shape: [], data_offsets: [14, 15] },
    i: { dtype: "I8", shape: [1], data_offsets: [15, 16] },
  }, data));
  assertEquals(await file.read("x"), new Float32Array([1.5, -Infinity]));
  assertEquals(await file.read("y"), new Float32Array([0.1]));
  assertEquals(await file.read("z"), new Float32Array([-7]));
  assertEquals(await file.read("yes"), new Float32Array([1]));
  assertEquals(await file.read("i"), new Float32Array([-1]));
  file.close();
});

testWith(
  golden("deep/nt_tiny/model.safetensors"),
  "encodeSafetensors() reproduces a file of Python's library byte for byte",
  async (path) => {
    const file = await openSafetensors(path);
    const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [name, { shape }] of [...file.tensors].reverse()) {
      tensors.set(name, { shape, data: await file.read(name) });
    }
    file.close();
    const metadata = Object.keys(file.metadata).length ? { ...file.metadata } : undefined;
    assertEquals(encodeSafetensors(tensors, metadata), Deno.readFileSync(path));
  },
);

Deno.test("openSafetensors() reads shards through their index and refuses files outside its folder", async () => {
  const one = (value: number) => ({ shape: [1], data: new Float32Array([value]) });
  write(encodeSafetensors(new Map([["a", one(1)]])), "model-00001-of-00002.safetensors");
  write(encodeSafetensors(new Map([["b", one(2)]])), "model-00002-of-00002.safetensors");
  const index = (map: Record<string, string>) =>
    write(
      new TextEncoder().encode(JSON.stringify({ metadata: {}, weight_map: map })),
      "model.safetensors.index.json",
    );
  const shards = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  const file = await openSafetensors(index(shards));
  assertEquals([...await file.read("a"), ...await file.read("b")], [1, 2]);
  await assertRejects(() => file.read("c"), DataError, `no tensor "c"`);
  file.close();
  const wrong = (map: Record<string, string>, message: string) =>
    assertRejects(() => openSafetensors(index(map)), DataError, message);
  await wrong({ a: shards.b }, `"model-00002-of-00002.safetensors" does not hold tensor "a"`);
  await wrong({ a: "../secret.safetensors" }, `tensor "a" lies in "../secret.safetensors"`);
  await wrong({ a: "model-00003-of-00003.safetensors" }, "no such file");
  await wrong({ a: "pytorch_model.bin" }, "expected a .safetensors file beside it");
});

Deno.test("openSafetensors() refuses a broken header and says what is wrong with it", async () => {
  const eight = new Uint8Array(8);
  const cases: [string, string][] = [
    [write(new Uint8Array(3)), "3 bytes are too few"],
    [
      write(new TextEncoder().encode(lfsPointer)),
      `it is a Git LFS pointer, not the file itself (run "git lfs pull"`,
    ],
    [fileOf("{}", eight, 1n << 62n), "header would be 4611686018427387904 bytes long but the file has 18"],
    [fileOf("{not json"), "not valid JSON"],
    [fileOf("[1]"), "not a JSON object"],
    [fileOf({ __metadata__: { a: 1 } }), `"__metadata__" is not an object of texts`],
    [fileOf({ a: 5 }), `tensor "a" is not described by an object`],
    [fileOf({ a: { dtype: 7, shape: [], data_offsets: [0, 4] } }), `tensor "a" has dtype 7`],
    [fileOf({ a: { dtype: "to String", shape: [], data_offsets: [0, 4] } }), `has dtype "to String"`],
    [fileOf({ a: f32([-1], 0, 4) }, eight), `tensor "a" has no shape of whole numbers`],
    [fileOf({ a: f32([1.5], 0, 6) }, eight), `tensor "a" has no shape of whole numbers`],
    [fileOf({ a: { dtype: "F32", shape: [1] } }, eight), `tensor "a" has no data_offsets`],
    [fileOf({ a: f32([1], 4, 0) }, eight), `tensor "a" has no data_offsets`],
    [fileOf({ a: f32([3], 0, 8) }, eight), `of shape (3) and dtype F32 needs 12 bytes but has 8`],
    [fileOf({ a: f32([1 << 30, 1 << 30, 1 << 30], 0, 8) }, eight), "bytes but has 8"],
    [fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, eight), `tensors "a" and "b" overlap at data byte 4`],
    [fileOf({ a: f32([1], 4, 8) }, eight), `no tensor covers data bytes 0 to 4, before "a"`],
    [fileOf({ a: f32([1], 0, 4) }, eight), "tensors end at data byte 4 but the file has 8"],
    [fileOf({ a: f32([3], 0, 12) }, eight), `tensor "a" ends at data byte 12 but the file has 8`],
  ];
  for (const [path, message] of cases) {
    const error = await assertRejects(() => openSafetensors(path), DataError, message);
    assertEquals(error.message.includes(path), true, "the message names the file");
  }
  await assertRejects(() => openSafetensors(join(folder, "absent")), DataError, "no such file");
  await assertRejects(() => openSafetensors(folder), DataError, "it is not a file");
});

Deno.test("encodeSafetensors() refuses a shape that does not fit its data", () => {
  assertThrows(
    () => encodeSafetensors(new Map([["a", { shape: [3], data: new Float32Array(2) }]])),
    RangeError,
    `Tensor "a" has 2 elements but shape (3)`,
  );
});
