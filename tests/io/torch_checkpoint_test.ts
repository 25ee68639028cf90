import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { openSafetensors } from "../../lib/io/safetensors.ts";
import { openTorchCheckpoint } from "../../lib/io/torch_checkpoint.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { captured } from "../support/captured_log.ts";
import { lfsPointer } from "../support/lfs_pointer.ts";
import { golden, testWith } from "../support/golden.ts";
import { checkpoint, op, tensorCode, zip, type ZipOptions } from "../support/torch_file.ts";

const folder = Deno.makeTempDirSync({ prefix: "checkpoint" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function write(bytes: Uint8Array): string {
  const path = join(folder, `${crypto.randomUUID()}.bin`);
  Deno.writeFileSync(path, bytes);
  return path;
}

function refuses(bytes: Uint8Array, message: string) {
  return assertRejects(() => openTorchCheckpoint(write(bytes)), DataError, message);
}

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
const twelve = { 0: bytesOf(Float32Array.from({ length: 12 }, (_, i) => i)) };
const vector = tensorCode({ key: "0", length: 12, shape: [12], strides: [1] });
const withObject = (object: Parameters<typeof op.build>[0]) =>
  checkpoint(op.program(op.dict(["state_dict", op.dict(["w", vector])], ["other", object])), twelve);

Deno.test("openTorchCheckpoint() honours strides, offsets and storages that tensors share", async () => {
  const on = (shape: number[], strides: number[], offset = 0) =>
    tensorCode({ key: "0", length: 12, offset, shape, strides });
  const pickle = op.program(op.dict(
    ["whole", on([3, 4], [4, 1])],
    ["transposed", on([4, 3], [1, 4])],
    ["window", on([2, 2], [4, 1], 5)],
    ["column", on([3, 1], [4, 7], 2)],
    ["repeated", on([2, 3], [0, 1])],
    ["scalar", on([], [], 11)],
    ["none", on([0, 5], [5, 1])],
  ));
  const file = await openTorchCheckpoint(write(checkpoint(pickle, twelve)));
  const read = async (name: string) => [...await file.read(name)];
  assertEquals(await read("whole"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assertEquals(await read("transposed"), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
  assertEquals(await read("window"), [5, 6, 9, 10]);
  assertEquals(await read("column"), [2, 6, 10]);
  assertEquals(await read("repeated"), [0, 1, 2, 0, 1, 2]);
  assertEquals(await read("scalar"), [11]);
  assertEquals(await read("none"), []);
  await assertRejects(() => file.read("absent"), DataError, `no tensor "absent"`);
  file.close();
});

Deno.test("openTorchCheckpoint() widens half, bfloat16, double and integer storages", async () => {
  const one = (storage: string, key: string, length: number) =>
    tensorCode({ storage, key, length, shape: [length], strides: [1] });
  const pickle = op.program(op.dict(
    ["half", one("HalfStorage", "0", 2)],
    ["bf", one("BFloat16Storage", "1", 1)],
    ["double", one("DoubleStorage", "2", 1)],
    ["long", one("LongStorage", "3", 1)],
  ));
  const file = await openTorchCheckpoint(write(checkpoint(pickle, {
    0: bytesOf(new Float16Array([0.5, -3])),
    1: bytesOf(new Uint16Array([0x4049])),
    2: bytesOf(new Float64Array([0.1])),
    3: bytesOf(new BigInt64Array([-5n])),
  })));
  assertEquals([...await file.read("half")], [0.5, -3]);
  assertEquals([...await file.read("bf")], [3.140625]);
  assertEquals([...await file.read("double")], [Math.fround(0.1)]);
  assertEquals([...await file.read("long")], [-5]);
  file.close();
});

testWith(
  golden("deep/nt_tiny"),
  "openTorchCheckpoint() reads from pytorch_model.bin what safetensors holds",
  async (path) => {
    const torch = await openTorchCheckpoint(join(path, "pytorch_model.bin"));
    const safetensors = await openSafetensors(join(path, "model.safetensors"));
    assertEquals([...torch.tensors.keys()].sort(), [...safetensors.tensors.keys()].sort());
    for (const [name, { shape }] of safetensors.tensors) {
      assertEquals(torch.tensors.get(name)!.shape, shape);
      assertEquals(await torch.read(name), await safetensors.read(name), name);
    }
    torch.close();
    safetensors.close();
  },
);

testWith(
  golden("deep/hyena_tiny/weights.ckpt"),
  "openTorchCheckpoint() finds the state dict among objects of classes that nobody has",
  async (path) => {
    const file = await openTorchCheckpoint(path);
    assertEquals(file.tensors.size, 63);
    assertEquals(file.tensors.get("model.backbone.layers.0.mixer.filter_fn.pos_emb.z")!.shape, [1, 1026, 5]);
    file.close();
  },
);

Deno.test("openTorchCheckpoint() makes unknown classes outside the state dict inert", async () => {
  const config = op.newObject(op.global("omegaconf.dictconfig", "DictConfig"));
  const objects = [
    op.build(config, op.dict(["_content", op.dict(["a", op.int(1)])])),
    [...op.newObject(op.global("my.lists", "ListLike")), ...op.list(op.int(1)).slice(1)],
    [...op.newObject(op.global("my.dicts", "DictLike")), ...op.dict(["k", op.int(1)]).slice(1)],
    op.reduce(op.global("pathlib", "PosixPath"), op.string("runs")),
    op.reduce(op.global("collections", "defaultdict"), op.global("__builtin__", "dict")),
    op.reduce(op.global("numpy.core.multiarray", "scalar"), op.none),
    op.global("typing", "Any"),
    op.reduce(op.global("__builtin__", "xrange"), op.int(0), op.int(3)),
    [0x8a, 8, ...new Array(8).fill(0x11)], // an integer above 2^53
  ];
  for (const object of objects) {
    const file = await openTorchCheckpoint(write(withObject(object)));
    assertEquals([...file.tensors.keys()], ["w"]);
    file.close();
  }
});

Deno.test("openTorchCheckpoint() refuses by name what could import or run something", async () => {
  const command = op.string("echo");
  const attacks: [string, string][] = [
    ["os", "system"],
    ["posix", "system"],
    ["nt", "system"],
    ["subprocess", "Popen"],
    ["builtins", "eval"],
    ["__builtin__", "exec"],
    ["builtins", "__import__"],
    ["builtins", "getattr"],
    ["importlib", "import_module"],
    ["runpy", "run_path"],
    ["functools", "reduce"],
    ["operator", "methodcaller"],
    ["pickle", "loads"],
    ["torch.storage", "_load_from_bytes"],
    ["torch.hub", "load"],
    ["some.package", "do_things"],
    ["some.package", "Class.method"],
  ];
  for (const [module, name] of attacks) {
    await refuses(
      withObject(op.reduce(op.global(module, name), command)),
      `it wants to call ${module}.${name}, which is refused`,
    );
  }
  // Named in the state dict itself, and never even called.
  await refuses(checkpoint(op.program(op.dict(["w", op.global("os", "system")]))), "os.system");
  const unknown = op.newObject(op.global("evil", "Tensor"));
  await refuses(checkpoint(op.program(op.dict(["w", unknown]))), "it holds no tensors");
  await refuses(
    checkpoint(op.program(op.newObject(op.global("evil", "Module")))),
    "an object of evil.Module",
  );
});

Deno.test("openTorchCheckpoint() leaves numbers of other types aside, and says so where they are asked for", async () => {
  const bytes = checkpoint(
    op.program(
      op.dict([
        "w",
        tensorCode({ storage: "QInt8Storage", key: "0", length: 12, shape: [12], strides: [1] }),
      ]),
    ),
    twelve,
  );
  const file = await openTorchCheckpoint(write(bytes));
  assertThrows(
    () => new StateDict(file).expect("w", [12]),
    DataError,
    `tensor "w" is of type torch.QInt8Storage, which is not read (save it as float32)`,
  );
  file.close();
});

Deno.test("openTorchCheckpoint() refuses tensors that do not fit their storage", async () => {
  const tensor = (parts: Partial<Parameters<typeof tensorCode>[0]>) =>
    checkpoint(
      op.program(op.dict(["w", tensorCode({ key: "0", length: 12, shape: [12], strides: [1], ...parts })])),
      twelve,
    );
  await refuses(tensor({ offset: 1 }), `tensor "w" reaches element 12 of a storage of 12`);
  await refuses(
    tensor({ shape: [3, 4], strides: [5, 1] }),
    `tensor "w" reaches element 13 of a storage of 12`,
  );
  await refuses(tensor({ key: "1" }), `the storage "1" of tensor "w" is missing`);
  await refuses(tensor({ length: 13 }), `has 48 bytes, expected 13 elements of F32`);
  await refuses(tensor({ storage: "DoubleStorage" }), `has 48 bytes, expected 12 elements of F64`);
  await refuses(
    tensor({ shape: [2 ** 30], strides: [0] }),
    `tensor "w" repeats 12 stored elements to 1073741824`,
  );
  await refuses(tensor({ shape: [3], strides: [-1] }), "a tensor is not described as PyTorch does");
  await refuses(tensor({ shape: [3, 4] }), "a tensor is not described as PyTorch does");
  // A pickle that changes the tensor after it was checked.
  const changed = op.build(vector, op.dict(["shape", op.tuple(op.int(13))]));
  await refuses(checkpoint(op.program(op.dict(["w", changed])), twelve), "its pickle is damaged");
});

Deno.test("openTorchCheckpoint() tells other formats and damaged archives by name", async () => {
  const old = Uint8Array.of(
    0x80,
    2,
    0x8a,
    0x0a,
    0x6c,
    0xfc,
    0x9c,
    0x46,
    0xf9,
    0x20,
    0x6a,
    0xa8,
    0x50,
    0x19,
    0x2e,
  );
  await refuses(old, "the old format from before PyTorch 1.6");
  await refuses(new Uint8Array(0), "it is no zip archive");
  await refuses(
    new TextEncoder().encode(lfsPointer),
    `it is a Git LFS pointer, not the file itself (run "git lfs pull"`,
  );
  await refuses(new TextEncoder().encode("version 1 of something else\n"), "it is no zip archive");
  const good = checkpoint(op.program(op.dict(["w", vector])), twelve);
  await refuses(good.slice(0, good.length - 1), "its end is missing");
  await refuses(good.slice(0, good.length >> 1), "its end is missing");
  await refuses(zip([["a/other", new Uint8Array(1)]]), `0 entries "<name>/data.pkl"`);
  const pickle = op.program(op.dict(["w", vector]));
  await refuses(zip([["a/data.pkl", pickle], ["b/data.pkl", pickle]]), `2 entries "<name>/data.pkl"`);
  await refuses(checkpoint(op.program(op.list())), "it holds no dictionary of tensors");
  await refuses(checkpoint(op.program(op.dict(["a", op.int(1)]))), "it holds no tensors");
  await refuses(checkpoint(pickle.slice(0, -20), twelve), "its pickle is damaged");
  await refuses(
    zip([["a/data.pkl", pickle], ["a/byteorder", new TextEncoder().encode("big")]]),
    "big-endian",
  );
});

Deno.test("openTorchCheckpoint() reads zip64 and refuses compressed, encrypted and overlapping entries", async () => {
  const archive = (options: ZipOptions) =>
    zip([["a/data.pkl", op.program(op.dict(["w", vector]))], ["a/data/0", twelve[0]]], options);
  const file = await openTorchCheckpoint(write(archive({ zip64: true })));
  assertEquals((await file.read("w"))[11], 11);
  file.close();
  await refuses(archive({ deflate: true }), `entry "a/data.pkl" is compressed`);
  await refuses(archive({ encrypted: true }), `entry "a/data.pkl" is encrypted`);
  await refuses(archive({ overlap: true }), "overlaps the one before it");
  const bomb = zip([["a/data.pkl", new Uint8Array(1 << 24)]], { deflate: true });
  await refuses(bomb, `entry "a/data.pkl" is compressed`);
});

Deno.test("openTorchCheckpoint() notices a storage whose bytes have changed", async () => {
  const bytes = checkpoint(op.program(op.dict(["w", vector])), twelve);
  const at = new TextDecoder("latin1").decode(bytes).indexOf("archive/data/0") + "archive/data/0".length;
  const file = await openTorchCheckpoint(write(bytes.with(at + 5, 9) as Uint8Array<ArrayBuffer>));
  await assertRejects(() => file.read("w"), DataError, "its CRC-32 does not fit");
  file.close();
});

Deno.test("openTorchCheckpoint() finds the tensors under the names that training programs use", async () => {
  const tensors = op.dict(["w", vector]), empty = op.dict(["step", op.int(3)]);
  const roots = [
    op.dict(["model_state_dict", tensors], ["optimizer_state_dict", empty]),
    op.dict(["epoch", vector], ["model", op.dict(["state_dict", tensors])]),
    op.dict(["model", tensors], ["ema", op.dict(["v", vector])]),
    op.dict(["anything", tensors], ["config", empty]),
  ];
  for (const root of roots) {
    const file = await openTorchCheckpoint(write(checkpoint(op.program(root), twelve)));
    assertEquals([...file.tensors.keys()], ["w"]);
    file.close();
  }
  // A moving average of the model, wrapped or not: which was taken is said. An optimiser's tensors are no copy.
  const optimiser = op.dict(["state", op.dict(["0", op.dict(["exp_avg", vector])])]);
  for (const name of ["w", "module.w"]) {
    const root = op.dict(["ema", op.dict([name, vector])], ["optimizer", optimiser], ["model", tensors]);
    const { result, lines } = await captured(() =>
      openTorchCheckpoint(write(checkpoint(op.program(root), twelve)))
    );
    result.close();
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0], `more than once: those under "model" are taken, not those under "ema"`);
  }
  const two = op.dict(["a", tensors], ["b", op.dict(["v", vector])]);
  await refuses(checkpoint(op.program(two), twelve), `its keys: "a", "b"`);
});

Deno.test("openTorchCheckpoint() bounds integers: one of a megabyte takes no time", async () => {
  const integer = [0x8b, 0, 0, 0x10, 0, ...new Array(2 ** 20).fill(0x11)];
  await refuses(withObject(integer), "an integer of 1048576 bytes is too large");
});
