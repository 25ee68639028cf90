import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { planBatches } from "../embedding/batches.ts";
import type { Pooling } from "../embedding/embedder.ts";
import { openHyenaEmbedder } from "../embedding/hyena_embedder.ts";
import { openNtEmbedder } from "../embedding/nt_embedder.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { openModelSource } from "../models/model_source.ts";
import { padBatch } from "../models/token_batch.ts";

/** Device memory that the weights and activations of an embedding model may take. */
const memoryBytes = 3 * 2 ** 30;

/**
 * Embeddings of a few sequences, as inference.ts makes them.
 *
 * @returns sequences x width
 * @throws {DataError} naming a sequence whose hidden states are not finite
 */
export async function embedInMemory(
  backend: Backend,
  pipeline: "ntv2" | "hyenadna",
  model: string,
  sequences: readonly string[],
  options: { pooling: Pooling; batchSize: number; maxTokens: number },
): Promise<Matrix> {
  const source = await openModelSource(model, { warn: log.warn });
  const open = pipeline === "ntv2" ? openNtEmbedder : openHyenaEmbedder;
  const embedder = await open(backend, source, { dtype: "f32", memoryBytes });
  try {
    const maxTokens = Math.min(options.maxTokens, embedder.maxTokens);
    const tokenized = sequences.map((sequence) => embedder.tokenizer.encode(sequence, maxTokens));
    const cut = tokenized.filter(({ truncated }) => truncated).length;
    if (cut > 0) log.warn(`Cut ${counted(cut, "sequence")} of ${sequences.length} to ${maxTokens} tokens.`);
    const lengths = tokenized.map(({ tokenIds }) => tokenIds.length);
    const rows: Float32Array[] = [];
    for (const batch of planBatches(lengths, { ...embedder, batchSize: options.batchSize })) {
      const tokens = padBatch(batch.map((row) => tokenized[row].tokenIds), embedder.tokenizer);
      const { vectors, finite } = await embedder.embed(tokens, options.pooling, false);
      const bad = finite.indexOf(false);
      if (bad >= 0) {
        throw new DataError(`Cannot embed sequence ${batch[bad] + 1}: a hidden state is not finite`);
      }
      const width = vectors.length / batch.length;
      batch.forEach((row, i) => rows[row] = vectors.slice(i * width, (i + 1) * width));
    }
    const columns = rows[0].length;
    const data = new Float32Array(rows.length * columns);
    rows.forEach((vector, row) => data.set(vector, row * columns));
    return { data, rows: rows.length, columns };
  } finally {
    await embedder.close();
  }
}
