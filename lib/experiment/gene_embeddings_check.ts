import { DataError } from "../cli/errors.ts";
import { type Embeddings, ntSizeOf } from "../dataset/embeddings.ts";
import { type EmbeddingRecord, embeddingRecord, requireSameMaking } from "../embedding/record.ts";

/**
 * Vectors of TFs and of genes that a model reads side by side must mean the same.
 *
 * @throws {DataError} naming what differs, where their records say that they were made in two ways
 */
export async function requireGenesMadeAsTfs(
  tfs: Embeddings,
  genes: Embeddings,
  { force }: { force: boolean },
): Promise<void> {
  const [ofTfs, ofGenes] = [tfs, genes].map(({ path }) => ntSizeOf(path));
  if (ofTfs !== null && ofGenes !== null && ofTfs !== ofGenes && !force) {
    throw new DataError(
      `Cannot use these embeddings together: "${tfs.path}" are of the size ${ofTfs}, "${genes.path}" of ${ofGenes} ` +
        `(--ntv2-size takes both of one size, --force goes on all the same)`,
    );
  }
  requireSameMaking({
    ours: { name: `the embeddings of genes ("${genes.path}")`, record: await recordBeside(genes) },
    theirs: { name: `those of TFs ("${tfs.path}")`, record: await recordBeside(tfs) },
    cannot: "Cannot use these embeddings together",
    force,
  });
}

/** How embeddings were made; null where nothing says it. */
export async function recordBeside({ path }: Pick<Embeddings, "path">): Promise<EmbeddingRecord | null> {
  return path.endsWith(".npy") ? await embeddingRecord(path) : null;
}
