/** A made-up screen as a user brings it: 30 TFs by symbol, 50 genes, no folder of fixed names. */
import { join } from "@std/path";
import { encodeCsv } from "../../lib/io/csv.ts";
import { encodeNpy } from "../../lib/io/npy.ts";
import { encodeParquetFrame } from "../../lib/io/parquet_frame.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";

export interface OwnScreen {
  readonly symbols: string[];
  readonly genes: string[];
  /** Gzipped CSV, as pandas writes a frame with symbols as index; and the same as Parquet. */
  readonly targets: string;
  readonly parquet: string;
  readonly embeddings: string;
  readonly geneEmbeddings: string;
  readonly fasta: string;
}

/** Write the files into `folder`. Responses are linear in the embeddings, so that models find something. */
export async function writeOwnScreen(folder: string, tfs = 30, readOuts = 50): Promise<OwnScreen> {
  const random = new ModelStream(7, "own screen"), width = 6;
  const normals = (rows: number, columns: number) =>
    random.fillNormal(new Float32Array(rows * columns), 0, 1);
  const genes = Array.from({ length: readOuts }, (_, i) => `GENE${i}`);
  const symbols = genes.slice(0, tfs);
  const geneVectors = normals(readOuts, width), tfVectors = geneVectors.slice(0, tfs * width);
  const noise = normals(tfs, readOuts);
  const values = Float32Array.from({ length: tfs * readOuts }, (_, at) => {
    const [tf, gene] = [Math.floor(at / readOuts), at % readOuts];
    let sum = 0.05 * noise[at];
    for (let j = 0; j < width; j++) sum += 0.1 * tfVectors[tf * width + j] * geneVectors[gene * width + j];
    return sum;
  });
  const path = (name: string) => join(folder, name);
  const screen = {
    symbols,
    genes,
    targets: path("my screen.csv.gz"),
    parquet: path("my_screen.parquet"),
    embeddings: path("tfs.npy"),
    geneEmbeddings: path("genes.npy"),
    fasta: path("promoters.txt"),
  };
  const row = (tf: number) => Array.from(values.subarray(tf * readOuts, (tf + 1) * readOuts));
  const csv = encodeCsv(["", ...genes], symbols.map((symbol, tf) => [symbol, ...row(tf)]));
  const zipped = new Blob([csv]).stream().pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(screen.targets, new Uint8Array(await new Response(zipped).arrayBuffer()));
  const frame = { index: symbols, columns: genes, values: { data: values, rows: tfs, columns: readOuts } };
  await Deno.writeFile(screen.parquet, encodeParquetFrame(frame));
  const vectors = async (file: string, data: Float32Array, ids: string[]) => {
    await Deno.writeFile(file, encodeNpy({ shape: [ids.length, width], data }));
    await Deno.writeFile(file.replace(".npy", "_ids.npy"), encodeNpy({ shape: [ids.length], data: ids }));
  };
  await vectors(screen.embeddings, tfVectors, symbols);
  await vectors(screen.geneEmbeddings, geneVectors, genes);
  const dna = () => Array.from({ length: 60 }, () => "ACGT"[random.below(4)]).join("");
  await Deno.writeTextFile(screen.fasta, symbols.map((symbol) => `>${symbol}\n${dna()}\n`).join(""));
  return screen;
}
