/** The adapters that PEFT saved (tests/fixtures/peft), with the logits that it gives. */
import { join } from "@std/path";
import type { Backend } from "../../lib/backend/backend.ts";
import { Ia3Regressor } from "../../lib/models/nucleotide_transformer/ia3/vectors.ts";
import { openModelSource, openModelWeights, readModelConfig } from "../../lib/models/model_source.ts";
import {
  ntConfig,
  ntTensorName,
  NucleotideTransformer,
} from "../../lib/models/nucleotide_transformer/model.ts";
import type { Adapter } from "../../lib/models/peft_adapter.ts";
import { StateDict } from "../../lib/models/state_dict.ts";
import type { TokenBatch } from "../../lib/models/token_batch.ts";
import { noGrad, scope } from "../../lib/tensor/mod.ts";
import { fixtures } from "./live_fixtures.ts";

export interface Logits {
  readonly logits: readonly number[];
  /** Ten times what PEFT's own float32 run is off by. */
  readonly atol: number;
}

export interface SavedAdapters {
  /** Of PEFT. */
  readonly version: string;
  readonly folder: string;
  readonly tokens: TokenBatch;
  /** By the adapter's folder; "merged" is a model. */
  readonly expected: Readonly<Record<string, Logits>>;
}

/** What each version that was at hand has saved. */
export function savedAdapters(): SavedAdapters[] {
  const root = fixtures("peft");
  const versions = [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory).map(({ name }) =>
    name
  );
  return versions.sort().map((version) => {
    const folder = join(root, version);
    const { ids, mask, adapters } = JSON.parse(Deno.readTextFileSync(join(folder, "expected.json"))) as {
      ids: number[][];
      mask: number[][];
      adapters: Record<string, Logits>;
    };
    const tokens = {
      tokenIds: Int32Array.from(ids.flat()),
      mask: Int32Array.from(mask.flat()),
      batch: ids.length,
      length: ids[0].length,
    };
    return { version, folder, tokens, expected: adapters };
  });
}

/** The logits of a model folder with an adapter on it. */
export async function logitsOf(
  backend: Backend,
  modelFolder: string,
  adapter: Adapter,
  tokens: TokenBatch,
): Promise<Float32Array> {
  const source = await openModelSource(modelFolder);
  const weights = new StateDict(await openModelWeights(source), ntTensorName);
  const encoder = await NucleotideTransformer.load(backend, weights, ntConfig(await readModelConfig(source)));
  weights.close();
  const model = Ia3Regressor.fromAdapter(encoder, adapter);
  const logits = noGrad(() => scope(() => model.forward(encoder.batch(tokens))));
  const numbers = await logits.read();
  logits.dispose();
  model.dispose();
  encoder.dispose();
  return numbers;
}

export function assertLogits(found: Float32Array, { logits, atol }: Logits): void {
  const worst = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0);
  if (found.length !== logits.length || !(worst <= atol)) {
    throw new Error(`${found.length} logits, off by ${worst}; allowed ${atol}`);
  }
}
