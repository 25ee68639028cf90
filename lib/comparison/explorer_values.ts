import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { row } from "../linalg/matrix.ts";
import type { Aligned } from "./aligned.ts";
import type { ExplorerBlock } from "./explorer_block.ts";
import { type Comparison, meanBaselineName } from "./model_result.ts";

/** `explorer_values.parquet`: a line a perturbation and gene of the page's explorer, unrounded. */
export async function writeExplorerValues(
  path: string,
  data: Aligned,
  { models }: Comparison,
  explorer: ExplorerBlock,
): Promise<void> {
  const genes = explorer.genes, each = genes.length, count = data.perturbations.length * each;
  const text = (name: string, of: (i: number) => string): ColumnSource => ({
    name,
    data: Array.from({ length: count }, (_, i) => of(i)),
    type: "STRING",
    nullable: false,
  });
  const numbers = (name: string, values: Float32Array): ColumnSource => ({
    name,
    data: values,
    type: "FLOAT",
    nullable: false,
    encoding: "PLAIN",
  });
  const baseline = Float32Array.from(
    { length: count },
    (_, i) => row(data.reference, data.foldOf[Math.floor(i / each)])[genes[i % each]],
  );
  const names = models.filter(({ kind }) => kind === "model").map(({ name }) => name);
  const columnData = [
    text("perturbation", (i) => data.perturbations[Math.floor(i / each)]),
    text("gene", (i) => data.genes[genes[i % each]]),
    numbers("measured", explorer.measured),
    numbers(meanBaselineName, baseline),
    ...names.map((name, model) =>
      numbers(
        ["perturbation", "gene", "measured"].includes(name) ? `model ${name}` : name,
        explorer.predictions[model],
      )
    ),
  ];
  await writeFileAtomic(
    path,
    new Uint8Array(parquetWriteBuffer({ columnData, codec: "UNCOMPRESSED", statistics: false })),
  );
}
