import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import type { Embedder } from "../../lib/embedding/embedder.ts";
import type { Pooling } from "../../lib/embedding/readings.ts";
import { type OnnxOptions, openOnnxEmbedder } from "../../lib/embedding/onnx_embedder.ts";
import { hyenaTokenizer } from "../../lib/models/hyenadna/tokenizer.ts";
import { padBatch, type TokenBatch, type Tokenizer } from "../../lib/models/token_batch.ts";
import { captured } from "../support/captured_log.ts";
import { type OnnxGraph, onnxModel, type OnnxValue } from "../support/onnx_model.ts";

const width = 4, tokens = 16;
const table = Float32Array.from({ length: tokens * width }, (_, i) => Math.sin(i + 1));
const ids = (type: OnnxValue["type"]): OnnxValue => ({ name: "input_ids", type, shape: ["batch", "length"] });
const mask: OnnxValue = { name: "attention_mask", type: "int64", shape: ["batch", "length"] };
const hidden: OnnxValue = { name: "last_hidden_state", type: "float", shape: ["batch", "length", width] };

/** A model that looks token ids up in a table, whatever else it takes. */
const lookup = (changed: Partial<OnnxGraph> = {}) =>
  onnxModel({
    inputs: [ids("int64")],
    outputs: [hidden],
    nodes: [{ op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] }],
    constants: [{ name: "table", shape: [tokens, width], data: table }],
    ...changed,
  });

const rightPadded: Tokenizer = { ...hyenaTokenizer, paddingSide: "right", encode: hyenaTokenizer.encode };
const options: OnnxOptions = {
  pipeline: "ntv2",
  tokenizer: rightPadded,
  allowsPadding: true,
  device: "cpu",
  threads: 1,
};

function onnxTest(name: string, body: (write: (bytes: Uint8Array) => string) => Promise<void>) {
  // The runtime keeps its WebAssembly instance and, once, its workers.
  Deno.test({ name, sanitizeResources: false, sanitizeOps: false }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "onnx" });
    try {
      await body((bytes) => {
        const path = join(folder, `${crypto.randomUUID()}.onnx`);
        Deno.writeFileSync(path, bytes);
        return path;
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const sequences = ["ACGT", "GGNACTA", "T"];
const rows = sequences.map((sequence) => rightPadded.encode(sequence).tokenIds);

/** Vectors of the last layer, one behind the other. */
async function pooled(embedder: Embedder, batch: TokenBatch, pooling: Pooling) {
  const { values: [vectors], finite } = await embedder.embed(batch, [{ layer: "last", pooling }], false);
  return { vectors: vectors.flatMap((vector) => [...vector]), finite };
}

function expected(pooling: "mean" | "cls"): number[] {
  return rows.flatMap((row) =>
    Array.from({ length: width }, (_, j) => {
      const values = [...row].map((id) => table[id * width + j]);
      return pooling === "cls" ? values[0] : values.reduce((sum, v) => sum + v, 0) / values.length;
    })
  );
}

onnxTest(
  "openOnnxEmbedder() pools what an exported model gives, with int64 or int32 ids, padded or not",
  async (write) => {
    const withMask = lookup({
      inputs: [ids("int64"), mask],
      nodes: [
        { op: "Identity", inputs: ["attention_mask"], outputs: ["unused"] },
        { op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] },
      ],
    });
    for (
      const [bytes, allowsPadding] of [[lookup(), false], [lookup({ inputs: [ids("int32")] }), false], [
        withMask,
        true,
      ]] as const
    ) {
      const embedder = await openOnnxEmbedder(write(bytes), options);
      assertEquals(embedder.allowsPadding, allowsPadding);
      for (const tokenizer of [rightPadded, hyenaTokenizer]) {
        for (const pooling of ["mean", "cls"] as const) {
          const { vectors, finite } = await pooled(embedder, padBatch(rows, tokenizer), pooling);
          assertEquals(finite, [true, true, true]);
          expected(pooling).forEach((value, i) => assertAlmostEquals(vectors[i], value, 1e-6));
        }
      }
      await embedder.close();
    }
  },
);

onnxTest("openOnnxEmbedder() sums half-precision states in full precision", async (write) => {
  // 2,000 tokens of 100: float16 ends at 65,504, and above 2,048 it skips whole numbers.
  const path = write(lookup({
    outputs: [{ ...hidden, type: "float16" }],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["rows"] },
      { op: "Cast", inputs: ["rows"], outputs: ["last_hidden_state"], attributes: { to: 10 } },
    ],
    constants: [{ name: "table", shape: [tokens, width], data: table.map((_, i) => 100 + i % width) }],
  }));
  const embedder = await openOnnxEmbedder(path, options);
  const batch = padBatch([rightPadded.encode("A".repeat(2000)).tokenIds], rightPadded);
  assertEquals((await pooled(embedder, batch, "mean")).vectors, [100, 101, 102, 103]);
  await embedder.close();
});

onnxTest("openOnnxEmbedder() finds the row that is not finite", async (write) => {
  const broken = table.slice();
  broken[11 * width + 2] = NaN; // N
  const path = write(lookup({ constants: [{ name: "table", shape: [tokens, width], data: broken }] }));
  const embedder = await openOnnxEmbedder(path, options);
  const { finite } = await pooled(embedder, padBatch(rows, rightPadded), "cls");
  assertEquals(finite, [true, false, true]);
  await embedder.close();
});

onnxTest(
  "openOnnxEmbedder() takes the output that holds hidden states, and warns where it must guess",
  async (write) => {
    const other = table.map((value) => -value);
    const opened = async (outputs: Record<string, string>) => {
      const path = write(lookup({
        outputs: Object.keys(outputs).map((name) => ({ ...hidden, name })),
        nodes: Object.entries(outputs).map(([name, from]) => ({
          op: "Gather",
          inputs: [from, "input_ids"],
          outputs: [name],
        })),
        constants: [
          { name: "table", shape: [tokens, width], data: table },
          { name: "other", shape: [tokens, width], data: other },
        ],
      }));
      const { result: embedder, lines } = await captured(() => openOnnxEmbedder(path, options));
      const { vectors } = await pooled(embedder, padBatch(rows, rightPadded), "mean");
      expected("mean").forEach((value, i) => assertAlmostEquals(vectors[i], value, 1e-6));
      await embedder.close();
      return lines.map((line) => line.replace(path, "m.onnx"));
    };
    assertEquals(await opened({ logits: "other", last_hidden_state: "table", hidden_states: "other" }), []);
    const taking = `[warn] The ONNX model "m.onnx" has no output "last_hidden_state": taking`;
    assertEquals(await opened({ "hidden_states.0": "other", "hidden_states.1": "table", logits: "other" }), [
      `${taking} "hidden_states.1"`,
    ]);
    assertEquals(await opened({ logits: "table" }), [`${taking} "logits", which may be no hidden state`]);
  },
);

onnxTest(
  "openOnnxEmbedder() knows the width before it runs, whether the file says it or not",
  async (write) => {
    for (const shape of [["batch", "length", width], ["batch", "length", "width"]]) {
      const embedder = await openOnnxEmbedder(write(lookup({ outputs: [{ ...hidden, shape }] })), options);
      assertEquals(embedder.width, width);
      await embedder.close();
    }
  },
);

onnxTest("openOnnxEmbedder() says what is wrong with a file or a model", async (write) => {
  const refuses = (bytes: Uint8Array, message: string) =>
    assertRejects(() => openOnnxEmbedder(write(bytes), options), DataError, message);
  await refuses(new TextEncoder().encode("no model"), "as an ONNX model");
  await refuses(lookup().slice(0, 100), "as an ONNX model");
  const other = lookup({
    inputs: [{ name: "tokens", type: "int64", shape: ["batch", "length"] }],
    nodes: [{ op: "Gather", inputs: ["table", "tokens"], outputs: ["last_hidden_state"] }],
  });
  await refuses(other, `it has no input "input_ids" (it has tokens)`);
  const more = lookup({
    inputs: [ids("int64"), { name: "position_ids", type: "int64", shape: ["batch", "length"] }],
    nodes: [
      { op: "Identity", inputs: ["position_ids"], outputs: ["unused"] },
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] },
    ],
  });
  await refuses(more, `it needs the input "position_ids"`);
  const flat = lookup({
    outputs: [{ name: "sums", type: "float", shape: [] }],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["rows"] },
      { op: "ReduceMax", inputs: ["rows"], outputs: ["sums"], attributes: { keepdims: 0 } },
    ],
  });
  await refuses(flat, `none of its outputs (sums) is named "last_hidden_state"`);
  const scores = (name: string): OnnxValue => ({ ...hidden, name });
  const two = lookup({
    outputs: [scores("logits"), scores("pairs")],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["logits"] },
      { op: "Identity", inputs: ["logits"], outputs: ["pairs"] },
    ],
  });
  await refuses(two, `none of its outputs (logits, pairs) is named "last_hidden_state"`);
  const summed = lookup({
    outputs: [{ ...hidden, shape: ["any", "of", "it"] }],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["rows"] },
      { op: "ReduceMax", inputs: ["rows"], outputs: ["last_hidden_state"], attributes: { keepdims: 1 } },
    ],
  });
  const embedder = await openOnnxEmbedder(write(summed), options);
  await assertRejects(
    () => pooled(embedder, padBatch(rows, rightPadded), "mean"),
    DataError,
    `its output "last_hidden_state" has shape (1, 1, 1), expected (3, 9, width)`,
  );
  await embedder.close();
  const embedderOfIds = await openOnnxEmbedder(write(lookup()), options);
  const outOfRange = { ...padBatch(rows, rightPadded), tokenIds: new Int32Array(27).fill(99) };
  await assertRejects(
    () => pooled(embedderOfIds, outOfRange, "mean"),
    DataError,
    "Cannot run the ONNX model",
  );
  await embedderOfIds.close();
});
