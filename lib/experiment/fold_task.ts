import type { SafetensorsArray } from "../io/safetensors.ts";
import { columnMeans } from "../dataset/missing_values.ts";
import type { ExperimentData, FoldTask } from "./model.ts";

/** One fold of the data, as a model sees it. */
export function foldTask(
  data: ExperimentData,
  index: number,
  rest: Pick<FoldTask, "checkpoint" | "progress">,
): FoldTask {
  const { train, test } = data.folds[index];
  const genes = data.training.genesOf(index);
  let targets: FoldTask["targets"] | null = null;
  return {
    ...rest,
    index,
    name: `fold ${index}`,
    train,
    test,
    genes,
    get targets() {
      return targets ??= data.training.of(index).values;
    },
    shown: firstTrainedIn(data, index),
    overAllGenes: (tensor, fill) => genes === null ? tensor : spread(tensor, genes, data, index, fill),
  };
}

/** Training rows of a fold that no earlier fold trained on. */
export function firstTrainedIn({ folds }: Pick<ExperimentData, "folds">, index: number): Int32Array {
  const earlier = new Set(folds.slice(0, index).flatMap(({ train }) => Array.from(train)));
  return Int32Array.from(folds[index].train).filter((row) => !earlier.has(row));
}

function spread(
  { shape: [, ...rest], data: values }: SafetensorsArray,
  own: readonly number[],
  { targets, folds }: ExperimentData,
  index: number,
  fill: "zeros" | "means",
): SafetensorsArray {
  const width = rest.reduce((product, size) => product * size, 1);
  const size = targets.genes.length * width;
  const all = values instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
  if (fill === "means") all.set(columnMeans(targets.values, folds[index].train));
  own.forEach((gene, i) =>
    all.set((values as Float32Array).subarray(i * width, (i + 1) * width), gene * width)
  );
  return { shape: [targets.genes.length, ...rest], data: all };
}
