/** Model files damaged at random: whatever happens, the user reads one clear sentence. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Backend } from "../../lib/backend/backend.ts";
import { openCpuBackend } from "../../lib/backend/cpu/mod.ts";
import { DataError } from "../../lib/cli/errors.ts";
import type { Embedder } from "../../lib/embedding/embedder.ts";
import { openHyenaEmbedder } from "../../lib/embedding/hyena_embedder.ts";
import { openNtEmbedder } from "../../lib/embedding/nt_embedder.ts";
import { encodeSafetensors, openSafetensors, type SafetensorsArray } from "../../lib/io/safetensors.ts";
import { type ModelSource, openModelSource } from "../../lib/models/model_source.ts";
import { padBatch } from "../../lib/models/token_batch.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { linesPrinted } from "../support/captured_log.ts";
import { deepGolden } from "../support/deep_golden.ts";
import { mutated } from "../support/mutate.ts";

const memoryBytes = 2 ** 29;
const openNt = (backend: Backend, source: ModelSource) =>
  openNtEmbedder(backend, source, { dtype: "f32", memoryBytes });
const openHyena = (backend: Backend, source: ModelSource) =>
  openHyenaEmbedder(backend, source, { dtype: "f32", memoryBytes });

interface Damage {
  folder: string;
  file: string;
  open: (backend: Backend, source: ModelSource) => Promise<Embedder>;
  cases: number;
  /** Bytes at the file's start (or at its end) that are damaged; the rest of a weights file is plain numbers. */
  region?: { first?: number; last?: number };
}

const damages: Damage[] = [
  { folder: "nt_tiny", file: "model.safetensors", open: openNt, cases: 100, region: { first: 6000 } },
  { folder: "nt_tiny", file: "model.safetensors", open: openNt, cases: 10 },
  { folder: "nt_tiny", file: "pytorch_model.bin", open: openNt, cases: 80, region: { first: 9000 } },
  { folder: "nt_tiny", file: "config.json", open: openNt, cases: 70 },
  { folder: "nt_tiny", file: "vocab.txt", open: openNt, cases: 20 },
  { folder: "hyena_tiny_mix", file: "weights.ckpt", open: openHyena, cases: 90, region: { first: 12000 } },
  { folder: "hyena_tiny_mix", file: "weights.ckpt", open: openHyena, cases: 80, region: { last: 8000 } },
  { folder: "hyena_tiny_mix", file: "weights.ckpt", open: openHyena, cases: 20 },
  { folder: "hyena_tiny_mix", file: "config.json", open: openHyena, cases: 70 },
  { folder: "hyena_tiny_hf", file: "model.safetensors", open: openHyena, cases: 50, region: { first: 6000 } },
  { folder: "hyena_tiny_hf", file: "model.safetensors.index.json", open: openHyena, cases: 100 },
];

assert(damages.reduce((sum, { cases }) => sum + cases, 0) >= 500);

/** Two files and an index in place of one. */
async function shard(folder: string): Promise<void> {
  const path = join(folder, "model.safetensors");
  const whole = await openSafetensors(path);
  const parts = [1, 2].map((part) => ({
    name: `model-0000${part}-of-00002.safetensors`,
    tensors: new Map<string, SafetensorsArray>(),
  }));
  const homes: Record<string, string> = {};
  for (const [i, [name, { shape }]] of [...whole.tensors].entries()) {
    const part = parts[i % 2];
    part.tensors.set(name, { shape, data: await whole.read(name) });
    homes[name] = part.name;
  }
  whole.close();
  await Deno.remove(path);
  for (const { name, tensors } of parts) await Deno.writeFile(join(folder, name), encodeSafetensors(tensors));
  await Deno.writeTextFile(`${path}.index.json`, JSON.stringify({ metadata: {}, weight_map: homes }));
}

/** Damage within the region, the rest left as it is. */
function damaged(bytes: Uint8Array, stream: ModelStream, region: Damage["region"] = {}): Uint8Array {
  const start = region.last === undefined ? 0 : Math.max(0, bytes.length - region.last);
  const end = region.first === undefined ? bytes.length : Math.min(bytes.length, region.first);
  const middle = mutated(bytes.subarray(start, end), stream);
  const result = new Uint8Array(start + middle.length + bytes.length - end);
  result.set(bytes.subarray(0, start));
  result.set(middle, start);
  result.set(bytes.subarray(end), start + middle.length);
  return result;
}

/** Load the model and embed a short sequence. @returns the error's sentence, or null */
async function attempt(backend: Backend, folder: string, open: Damage["open"]): Promise<string | null> {
  let embedder: Embedder | null = null;
  try {
    embedder = await open(backend, await openModelSource(folder));
    const { tokenIds } = embedder.tokenizer.encode("ACGTTGNACGTACCA");
    await embedder.embed(padBatch([tokenIds], embedder.tokenizer), [
      { layer: "last", pooling: "mean" },
    ], false);
    return null;
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  } finally {
    await embedder?.close();
  }
}

if (deepGolden) {
  for (const { folder, file, open, cases, region } of damages) {
    const where = region?.first ? ", at its start" : region?.last ? ", at its end" : "";
    Deno.test(`${cases} damaged copies of ${folder}/${file}${where} load or fail with one sentence`, async () => {
      const copy = await Deno.makeTempDir({ prefix: "damaged" });
      const backend = await openCpuBackend({ threads: 1, memoryLimit: 2 ** 29 });
      try {
        const original = join(deepGolden!, folder);
        for (const { name, isFile } of Deno.readDirSync(original)) {
          // Only the weights that are damaged, lest others be taken.
          const isOther = /safetensors|\.bin|\.ckpt/.test(name) && file !== name &&
            !file.includes("config") && !file.includes("vocab") && file !== `${name}.index.json`;
          if (isFile && !isOther) {
            await Deno.writeFile(join(copy, name), await Deno.readFile(join(original, name)));
          }
        }
        if (file.endsWith(".index.json")) await shard(copy);
        const bytes = await Deno.readFile(join(copy, file));
        const before = Deno.memoryUsage().rss;
        const stream = new ModelStream(cases);
        let failures = 0;
        await linesPrinted(async () => {
          assertEquals(await attempt(backend, copy, open), null, "undamaged, it runs");
          for (let i = 0; i < cases; i++) {
            await Deno.writeFile(join(copy, file), damaged(bytes, stream, region));
            const startMs = performance.now(), message = await attempt(backend, copy, open);
            assert(performance.now() - startMs < 5000, `case ${i} took more than 5 s`);
            if (message === null) continue;
            failures++;
            assert(/^Cannot [^\n]{10,400}$/s.test(message), `case ${i}: ${JSON.stringify(message)}`);
          }
        });
        assert(failures > 0, "some damage shows");
        assert(Deno.memoryUsage().rss - before < 2 ** 30, "more than 1 GiB was taken");
      } finally {
        await backend.close();
        await Deno.remove(copy, { recursive: true });
      }
    });
  }
}
