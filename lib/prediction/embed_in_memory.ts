import type { Backend } from "../backend/backend.ts";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { Embedder, Pipeline } from "../embedding/embedder.ts";
import { openHyenaEmbedder } from "../embedding/hyena_embedder.ts";
import { joinPieces, outputRows, rowWidth } from "../embedding/join_pieces.ts";
import { openNtEmbedder } from "../embedding/nt_embedder.ts";
import { embedPieces } from "../embedding/piece_run.ts";
import type { Layer, Pooling, Reading } from "../embedding/readings.ts";
import { recordOf } from "../embedding/run_record.ts";
import type { EmbeddingRecord } from "../embedding/record.ts";
import type { Sequences } from "../embedding/sequences.ts";
import { type Cut, tokenizeInput } from "../embedding/tokenized_input.ts";
import { withWeightsHash } from "../embedding/weights_hash.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { openModelSource } from "../models/model_source.ts";

/** Device memory that the weights and activations of an embedding model may take. */
const memoryBytes = 3 * 2 ** 30;

/** How sequences become vectors. */
export interface EmbeddingRecipe extends Cut {
  readonly layer: Layer;
  readonly pooling: Pooling;
  readonly upper: boolean;
  readonly maxTokens: number;
}

/**
 * Embeddings of a few sequences, as inference.ts makes them.
 *
 * @param options.onRecord is told how the vectors will be made, before they are
 * @returns rows x width; a row a sequence, or a window where windows are kept
 * @throws {DataError} naming a sequence whose hidden states are not finite
 */
export async function embedInMemory(
  backend: Backend,
  { pipeline, model }: { pipeline: Exclude<Pipeline, "other">; model: string },
  input: Sequences,
  { batchSize, onRecord, ...recipe }: EmbeddingRecipe & {
    batchSize: number;
    onRecord: (record: EmbeddingRecord) => void;
  },
): Promise<{ ids: string[]; values: Matrix }> {
  const source = await openModelSource(model, { warn: log.warn });
  const open = pipeline === "ntv2" ? openNtEmbedder : openHyenaEmbedder;
  const opened = await open(backend, source, { dtype: "f32", memoryBytes });
  try {
    const embedder: Embedder = { ...opened, record: await withWeightsHash(opened.record, source) };
    const maxTokens = Math.min(recipe.maxTokens, embedder.maxTokens), { tokenizer, width } = embedder;
    const rows = input.ids.map((_, row) => row);
    const tokenized = tokenizeInput(input, rows, { tokenizer, ...recipe, maxTokens }), { pieces } = tokenized;
    const reading: Reading = { ...recipe, layerLabel: "", poolingLabel: "" };
    const run = { embedder, input, cut: recipe, maxTokens, shard: null, rows, tokenized, outputs: [] };
    onRecord(recordOf(run, reading, rowWidth(width, recipe)));
    const cut = tokenized.truncatedIds.length;
    if (cut > 0) log.warn(`Cut ${counted(cut, "sequence")} of ${rows.length} to ${maxTokens} tokens.`);
    const vectors: Float32Array[] = [];
    for await (const batch of embedPieces(embedder, pieces, { readings: [reading], batchSize })) {
      if (batch.notFinite !== null) {
        const row = pieces[batch.notFinite].sequence;
        throw new DataError(`Cannot embed sequence ${row + 1}: a hidden state is not finite`);
      }
      batch.places.forEach((place, i) => vectors[place] = batch.values[0][i]);
    }
    const output = outputRows(tokenized, recipe), columns = rowWidth(width, recipe);
    const data = new Float32Array(output.length * columns);
    output.forEach(({ pieces: own }, row) => {
      const parts = own.map((place) => pieces[place]), numbers = own.map((place) => vectors[place]);
      data.set(joinPieces(parts, numbers, recipe.pooling, { ...recipe, tokenizer }), row * columns);
    });
    return { ids: output.map(({ id }) => id), values: { data, rows: output.length, columns } };
  } finally {
    await opened.close();
  }
}
