/** `x.json` beside `x.npy`: what inference.ts says of embeddings, and how two such records differ. */

/** Fields that change vectors. */
export interface EmbeddingRecord {
  readonly pipeline?: string;
  readonly model?: string;
  readonly weights_sha256?: string;
  readonly pooling?: string;
  readonly layer?: unknown;
  readonly upper?: boolean;
}

/** The record beside embeddings; null where there is none that can be read: then nothing is compared. */
export async function readRecord(vectorsPath: string): Promise<EmbeddingRecord | null> {
  try {
    const json = JSON.parse(await Deno.readTextFile(vectorsPath.replace(/(\.npy)?$/, ".json")));
    return typeof json === "object" && json !== null && !Array.isArray(json) ? fieldsOf(json) : null;
  } catch {
    return null;
  }
}

/** In what new embeddings differ from those of the training set, in words. Fields that one side does not tell are no difference. */
export function recordDifferences(training: EmbeddingRecord, given: EmbeddingRecord): string[] {
  const words: Record<keyof EmbeddingRecord, string> = {
    pipeline: "pipeline",
    model: "model",
    weights_sha256: "weights (SHA-256)",
    pooling: "pooling",
    layer: "layer",
    upper: "upper-casing",
  };
  return (Object.keys(words) as (keyof EmbeddingRecord)[]).flatMap((key) => {
    const [was, is] = [training[key], given[key]];
    if (was === undefined || is === undefined || JSON.stringify(was) === JSON.stringify(is)) return [];
    // The same weights may lie in another folder.
    if (key === "model" && training.weights_sha256 && training.weights_sha256 === given.weights_sha256) {
      return [];
    }
    return [`${words[key]} ${JSON.stringify(was)} in training, ${JSON.stringify(is)} here`];
  });
}

function fieldsOf(json: Record<string, unknown>): EmbeddingRecord {
  const names = ["pipeline", "model", "weights_sha256", "pooling", "layer", "upper"];
  return Object.fromEntries(
    names.filter((name) => json[name] !== undefined).map((name) => [name, json[name]]),
  );
}
