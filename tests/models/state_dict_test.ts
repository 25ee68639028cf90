import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import type { TensorFile } from "../../lib/io/tensor_file.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import { captured } from "../support/captured_log.ts";

/** A file whose tensors have as many elements as their name's place. */
function fileOf(names: readonly string[]): TensorFile {
  const tensors = new Map(names.map((name, i) => [name, { shape: [i + 1], dtype: "F32" }]));
  return { path: "w.bin", tensors, read: () => Promise.resolve(new Float32Array(1)), close() {} };
}

for (const prefix of ["module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "model.module."]) {
  Deno.test(`StateDict finds tensors behind "${prefix}" and says so`, async () => {
    const file = fileOf([`${prefix}esm.a.weight`, `${prefix}esm.b`, "criterion.weight"]);
    const { result, lines } = await captured(() => new StateDict(file));
    result.expect("esm.a.weight", [1]);
    result.expect("esm.b", [2]);
    assertEquals(result.unusedNames(), ["criterion.weight"]);
    assertEquals(lines.length, 1);
  });
}

Deno.test("StateDict leaves a name alone whose plain name is another tensor", () => {
  const weights = new StateDict(fileOf(["a", "model.a"]));
  weights.expect("a", [1]);
  weights.expect("model.a", [2]);
});

Deno.test("StateDict says which it takes where a file holds a model with and without a wrapper", async () => {
  const { tensors, ...file } = fileOf(["esm.a", "module.esm.a", "esm.b", "module.esm.b"]);
  const same = new Map([...tensors.keys()].map((name) => [name, { shape: [3], dtype: "F32" }]));
  const { result, lines } = await captured(() => new StateDict({ ...file, tensors: same }));
  result.expect("esm.a", [3]);
  result.expect("esm.b", [3]);
  assertEquals(result.unusedNames(), ["module.esm.a", "module.esm.b"]);
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0], `"w.bin" holds 2 tensors twice`);
  assertStringIncludes(lines[0], `those without are taken ("esm.a", not "module.esm.a")`);
});

Deno.test("StateDict shows what the file holds where a tensor is missing, and refuses two that are the same", async () => {
  assertThrows(
    () => new StateDict(fileOf(["x.a", "y.b"])).expect("a", [1]),
    DataError,
    `tensor "a" is missing (the file holds "x.a", "y.b")`,
  );
  await captured(() =>
    assertThrows(() => new StateDict(fileOf(["module.a", "net.a"])), DataError, "are the same tensor")
  );
});
