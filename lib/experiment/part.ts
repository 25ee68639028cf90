/** One part of a cross-validation on disk: what one fold has learned of some genes. */
import { DataError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { SafetensorsArray } from "../io/safetensors.ts";
import { encodeSealed, openSealed } from "../io/sealed_safetensors.ts";
import type { Identity } from "./identity.ts";

/** Genes of a run by position: from, up to but without to. */
export interface GeneRange {
  /** First gene. */
  readonly from: number;
  /** The gene after the last. */
  readonly to: number;
}

/** Which fold and genes a part is of. A network's part has all genes. */
export interface PartKey extends GeneRange {
  readonly fold: number;
}

/** Numbers by name. Float64Array where float32 would lose something. */
export type Tensors = ReadonlyMap<string, SafetensorsArray>;

/** What a model says of a fold: plain JSON values. */
export type Report = Readonly<Record<string, unknown>>;

/** @internal */
export interface Part {
  readonly key: PartKey;
  /** Test rows x genes of the part; NaN for genes that the fold does not learn. */
  readonly predictions: Float32Array;
  /** The same for training rows that no earlier fold trained on; null where a model does not predict them. */
  readonly trainingPredictions: Float32Array | null;
  /** The model's own numbers; empty where they are not kept. */
  readonly tensors: Tensors;
  readonly report: Report;
  /** Time that it took. */
  readonly seconds: number;
  /** Engines that had a share in it, such as "cpu" or "cpu with OpenBLAS 0.3.21". */
  readonly engines: readonly string[];
}

const modelPrefix = "model.";

/** Write a part, with the identity of its run, flushed to disk. */
export async function writePart(path: string, part: Part, identity: Identity): Promise<void> {
  const { key, predictions, trainingPredictions, report, seconds, engines } = part;
  const tensors = new Map<string, SafetensorsArray>([["predictions", vector(predictions)]]);
  if (trainingPredictions) tensors.set("training_predictions", vector(trainingPredictions));
  for (const [name, tensor] of part.tensors) tensors.set(modelPrefix + name, tensor);
  const metadata = {
    part: JSON.stringify({ key, report, seconds, engines }),
    identity: JSON.stringify(identity),
  };
  await writeFileAtomic(path, await encodeSealed(tensors, metadata));
}

/**
 * Read a part whole.
 *
 * @throws {DataError} when the file is damaged, or is no part
 */
export async function readPart(path: string): Promise<{ part: Part; identity: Identity }> {
  const file = await openSealed(path);
  try {
    const description = file.metadata.part, identity = file.metadata.identity;
    if (description === undefined || identity === undefined || !file.tensors.has("predictions")) {
      throw new DataError(`Cannot read "${path}": it is no part of a run (delete it)`);
    }
    const tensors = new Map<string, SafetensorsArray>();
    for (const [name, { shape, dtype }] of file.tensors) {
      if (!name.startsWith(modelPrefix)) continue;
      const data = dtype === "F64" ? await file.readDoubles(name) : await file.read(name);
      tensors.set(name.slice(modelPrefix.length), { shape, data });
    }
    const trains = file.tensors.has("training_predictions");
    return {
      identity: JSON.parse(identity),
      part: {
        ...JSON.parse(description),
        predictions: await file.read("predictions"),
        trainingPredictions: trains ? await file.read("training_predictions") : null,
        tensors,
      },
    };
  } finally {
    file.close();
  }
}

/** A tensor of a part as float32. @throws {DataError} when there is none of this size */
export function numbers({ key, tensors }: Part, name: string, size: number): Float32Array {
  const found = tensors.get(name);
  if (found?.data instanceof Float32Array && found.data.length === size) return found.data;
  throw new DataError(
    `Cannot use the part of fold ${key.fold}: tensor "${name}" ${
      found ? `has ${found.data.length} numbers` : "is missing"
    }, expected ${size} (delete that part and run its fold again)`,
  );
}

function vector(data: Float32Array): SafetensorsArray {
  return { shape: [data.length], data };
}
