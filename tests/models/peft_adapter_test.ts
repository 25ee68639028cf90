import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { encodeSafetensors, openSafetensors } from "../../lib/io/safetensors.ts";
import { ia3Side, ntIa3Config } from "../../lib/models/nucleotide_transformer/ia3/config.ts";
import { readAdapter, writeAdapter } from "../../lib/models/peft_adapter.ts";
import { captured } from "../support/captured_log.ts";
import { golden, testWith } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

const ia3 = golden("deep/nt_tiny_ia3");

testWith(
  ia3,
  "An adapter that is read and written again holds PEFT's files: names, shapes, numbers, keys",
  (ia3) =>
    inFolder(async (folder) => {
      const original = join(ia3, "adapter_general");
      await writeAdapter(folder, await readAdapter(original));
      const [theirs, ours] = [
        await openSafetensors(join(original, "adapter_model.safetensors")),
        await openSafetensors(join(folder, "adapter_model.safetensors")),
      ];
      assertEquals(ours.metadata, { format: "pt" });
      assertEquals(new Map([...ours.tensors].sort()), new Map([...theirs.tensors].sort()));
      for (const name of theirs.tensors.keys()) assertEquals(await ours.read(name), await theirs.read(name));
      theirs.close();
      ours.close();
      const config = (folder: string) =>
        JSON.parse(Deno.readTextFileSync(join(folder, "adapter_config.json")));
      const sorted = (config: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(config).map((
            [key, value],
          ) => [key, Array.isArray(value) ? value.toSorted() : value]),
        );
      assertEquals(sorted(config(folder)), sorted(config(original)));
      assertEquals(Object.keys(config(folder)), Object.keys(config(original)));
    }),
);

testWith(ia3, "adapter_model.bin of older PEFT versions holds the same adapter", async (ia3) => {
  const [old, current] = [
    await readAdapter(join(ia3, "adapter_trained_noclip_old")),
    await readAdapter(join(ia3, "adapter_trained_noclip")),
  ];
  const sorted = (tensors: ReadonlyMap<string, unknown>) => [...tensors].toSorted();
  assertEquals(sorted(old.vectors), sorted(current.vectors));
  assertEquals(sorted(old.head), sorted(current.head));
  assertEquals(old.vectors.size, 15);
});

testWith(
  ia3,
  "readAdapter() skips unknown keys, and refuses other kinds of adapter and missing parts",
  (ia3) =>
    inFolder(async (folder) => {
      const original = join(ia3, "adapter_ones");
      const config = JSON.parse(Deno.readTextFileSync(join(original, "adapter_config.json")));
      const put = (fields: unknown) =>
        Deno.writeTextFile(join(folder, "adapter_config.json"), JSON.stringify(fields));
      const refuses = (what: string) => assertRejects(() => readAdapter(folder), DataError, what);
      await refuses("it has no adapter_config.json");
      await put({ ...config, some_key_of_tomorrow: { a: 1 } });
      await refuses("it has no adapter_model.safetensors and no adapter_model.bin");
      await Deno.copyFile(
        join(original, "adapter_model.safetensors"),
        join(folder, "adapter_model.safetensors"),
      );
      assertEquals((await readAdapter(folder)).vectors.size, 15);
      await put({ ...config, peft_type: "LORA" });
      await refuses(`"peft_type" is "LORA", expected "IA3"`);
      await put({ ...config, task_type: "CAUSAL_LM" });
      await refuses(`"task_type" is "CAUSAL_LM"`);
      await put({ ...config, target_modules: null });
      await refuses(`"target_modules" is missing`);
      await put([]);
      await refuses("it is not a JSON object");
    }),
);

Deno.test("IA3 scales the outputs of key and value and the inputs of the dense modules", () => {
  const side = (module: string) => ia3Side(ntIa3Config, `esm.encoder.layer.3.${module}`);
  assertEquals(side("attention.self.key"), "output");
  assertEquals(side("attention.self.value"), "output");
  assertEquals(side("attention.output.dense"), "input");
  assertEquals(side("intermediate.dense"), "input");
  assertEquals(side("output.dense"), "input");
  assertEquals(side("attention.self.query"), null);
  assertEquals(ia3Side(ntIa3Config, "classifier.dense"), null);
  assertEquals(ia3Side(ntIa3Config, "lm_head.dense"), null);
});

Deno.test("As in PEFT, targets end in whole parts of a name, feedforward modules in any text", () => {
  const lists = { ...ntIa3Config, targetModules: ["dense", "key"], feedforwardModules: ["ense"] };
  assertEquals(ia3Side(lists, "layer.1.output.dense"), "input");
  assertEquals(ia3Side(lists, "layer.1.attention.self.key"), "output");
  assertEquals(ia3Side({ ...lists, targetModules: ["ense"] }, "layer.1.output.dense"), null);
  assertEquals(ia3Side({ ...lists, excludeModules: ["ense"] }, "layer.1.output.dense"), "input");
  assertEquals(ia3Side({ ...lists, feedforwardModules: "ense" }, "layer.1.output.dense"), "output");
});

Deno.test("Target modules may be one regular expression for the whole name, and some may be excluded", () => {
  const config = {
    ...ntIa3Config,
    targetModules: ".*\\.(key|value)",
    excludeModules: ["0.attention.self.key"],
  };
  assertEquals(ia3Side(config, "layer.1.attention.self.key"), "output");
  assertEquals(ia3Side(config, "layer.1.attention.self.key.more"), null);
  assertEquals(ia3Side(config, "layer.0.attention.self.key"), null);
  assertEquals(ia3Side(config, "layer.0.attention.self.value"), "output");
});

Deno.test("Target modules are Python's regular expressions, and none can keep the program busy", () => {
  const side = (targetModules: string, module = "esm.layer.1.attention.self.key") =>
    ia3Side({ ...ntIa3Config, targetModules }, module);
  for (const pattern of [String.raw`\Aesm.*key\Z`, "(?i).*KEY", "esm.*(?P<part>key|value)"]) {
    assertEquals(side(pattern), "output", pattern);
    assertEquals(side(pattern, "esm.layer.1.attention.self.query"), null, pattern);
  }
  assertEquals(side(String.raw`.*\\Z`), null);
  assertEquals(side("((([a-z0-9._]+)+)+)!", "a".repeat(5000)), null);
});

/** An adapter folder with the tensors of a head of one layer each, and more. */
async function adapterWith(folder: string, more: [string, number[], number[]][], wrap = ""): Promise<void> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const all: [string, number[], number[]][] = [
    ["classifier.dense.weight", [2, 2], [1, 2, 3, 4]],
    ["classifier.dense.bias", [2], [1, 1]],
    ["classifier.out_proj.weight", [1, 2], [1, 1]],
    ["classifier.out_proj.bias", [1], [0]],
    ["esm.encoder.layer.0.attention.self.key.ia3_l", [2, 1], [1, 1]],
    ...more,
  ];
  for (const [name, shape, data] of all) {
    tensors.set(`${wrap}base_model.model.${name}`, { shape, data: Float32Array.from(data) });
  }
  const config = { peft_type: "IA3", target_modules: ["key", "dense"], feedforward_modules: ["dense"] };
  await Deno.writeFile(join(folder, "adapter_model.safetensors"), encodeSafetensors(tensors));
  await Deno.writeTextFile(join(folder, "adapter_config.json"), JSON.stringify(config));
}

Deno.test("readAdapter() folds a vector on the head into it, leaves out the contact head, looks behind wrappers", () =>
  inFolder(async (folder) => {
    await adapterWith(folder, [
      ["classifier.dense.ia3_l", [1, 2], [10, 100]],
      ["esm.contact_head.regression.ia3_l", [1, 1], [2]],
    ], "_orig_mod.module.");
    const { result: { vectors, head } } = await captured(() => readAdapter(folder));
    assertEquals([...vectors.keys()], ["esm.encoder.layer.0.attention.self.key"]);
    assertEquals([...head.get("dense.weight")!.data], [10, 200, 30, 400]);
    assertEquals([...head.get("dense.bias")!.data], [1, 1]);
  }));

Deno.test("readAdapter() names a tensor that holds NaN", () =>
  inFolder(async (folder) => {
    await adapterWith(folder, [["esm.encoder.layer.0.output.dense.ia3_l", [1, 2], [1, NaN]]]);
    await assertRejects(() => readAdapter(folder), DataError, `output.dense.ia3_l" holds NaN`);
  }));

// Case hang_adapter_regex: JavaScript's own expressions would not end here.
Deno.test("an expression that would run for ever on JavaScript's engine is told in linear time", () => {
  const config = { ...ntIa3Config, targetModules: "((([a-z0-9._]+)+)+)!" };
  assertEquals(ia3Side(config, `esm.encoder.${"layer.".repeat(20)}attention.self.key`), null);
});
