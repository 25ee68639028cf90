/** A data folder for nt_v2_ia3_regression.ts: made-up targets, random promoters. */
import { join } from "@std/path";
import { ModelStream } from "../../lib/random/model_stream.ts";

export interface FineTuningData {
  /** For --data-dir. */
  readonly folder: string;
  readonly ids: string[];
  readonly genes: string[];
}

/**
 * Write targets of `perturbations` x `genes` and a sequence for every perturbation but the last `withoutSequence`.
 *
 * @param options.missing cells (perturbation, gene) left empty
 */
export async function writeFineTuningData(
  folder: string,
  { perturbations = 12, genes = 8, withoutSequence = 0, missing = [] as [number, number][] } = {},
): Promise<FineTuningData> {
  const random = new ModelStream(7, "fine-tuning data");
  const ids = Array.from({ length: perturbations }, (_, i) => `ENSG9000${100 + i}`);
  const geneIds = Array.from({ length: genes }, (_, i) => `ENSG8000${100 + i}`);
  const isMissing = (i: number, j: number) => missing.some(([row, gene]) => row === i && gene === j);
  const targets = ids.map((id, i) =>
    [`TF${i}`, id, ...geneIds.map((_, j) => isMissing(i, j) ? "" : (0.3 * random.normal()).toFixed(6))].join()
  );
  const sequences = ids.slice(0, perturbations - withoutSequence).map((id) => {
    const length = 60 + random.below(60);
    return `${id},${Array.from({ length }, () => "ACGT"[random.below(4)]).join("")}`;
  });
  await Deno.mkdir(join(folder, "data", "artifacts"), { recursive: true });
  const write = (path: string, lines: string[]) =>
    Deno.writeTextFile(join(folder, "data", path), lines.join("\n") + "\n");
  await write("artifacts/targets_377.csv", [`gene_name,gene_id,${geneIds.join()}`, ...targets]);
  await write("tf_sequences_12kb_overlap.csv", ["gene_id,sequence", ...sequences]);
  return { folder, ids, genes: geneIds };
}
