import { DataError } from "../cli/errors.ts";
import { parsePickle } from "../io/pickle.ts";
import { pickledKind } from "../io/pickled_kind.ts";
import { readFileBytes } from "../io/read_file.ts";
import type { Fold } from "./kfold.ts";

/** The pickled dict of a splits file, checked. */
export interface StoredSplits {
  method: string;
  nSplits: number;
  totalSamples: number;
  /** Indices from 0 to totalSamples - 1. */
  folds: Fold[];
  /** Id that each index stands for; null in files that Python wrote. */
  perturbations: string[] | null;
}

/**
 * Read a splits file, as Python or we write it.
 *
 * @returns null when there is no such file
 * @throws {DataError} when it is not a splits dict, an index lies outside its samples, or the folds are no partition: one
 *   without training or test rows, a row on both sides of a fold or in the test rows of two, another number than n_splits
 */
export async function readSplitsFile(path: string): Promise<StoredSplits | null> {
  if (!await exists(path)) return null;
  const fail = (reason: string) => new DataError(`Cannot read splits "${path}": ${reason}`);
  const content = parsePickle(await readFileBytes(path), path);
  if (!(content instanceof Map) || !content.has("fold_splits")) {
    throw fail(`it holds ${pickledKind(content)} (a dict with the key fold_splits is needed)`);
  }
  const totalSamples = wholeNumber(content.get("total_samples"));
  if (totalSamples === null) throw fail("its total_samples is not a whole number");
  const pairs = content.get("fold_splits");
  if (!Array.isArray(pairs) || pairs.length === 0) {
    throw fail("its fold_splits is not a list of (train, test) pairs");
  }
  const folds = pairs.map((pair, fold) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw fail(`fold ${fold} is not a pair of index arrays`);
    const [train, test] = pair.map((indices, side) => {
      const rows = indexArray(indices);
      const place = `fold ${fold}, ${side === 0 ? "train" : "test"}`;
      if (rows === null) throw fail(`${place}: not an array of whole numbers`);
      const outside = rows.find((row) => row < 0 || row >= totalSamples);
      if (outside !== undefined) {
        throw fail(`${place}: index ${outside} is outside its ${totalSamples} samples`);
      }
      return rows;
    });
    for (const [rows, side] of [[train, "training"], [test, "test"]] as const) {
      if (rows.length === 0) throw fail(`fold ${fold} has no ${side} row (each fold needs both)`);
    }
    const trained = new Set<number>();
    for (const row of train) {
      if (trained.has(row)) {
        throw fail(`fold ${fold}, train: index ${row} comes twice (it would weigh twice)`);
      }
      trained.add(row);
    }
    const leaked = test.find((row) => trained.has(row));
    if (leaked !== undefined) {
      throw fail(
        `fold ${fold}: index ${leaked} is in both train and test (a fold tests rows that it does not train on)`,
      );
    }
    return { train, test };
  });
  const nSplits = wholeNumber(content.get("n_splits")) ?? folds.length;
  if (folds.length !== nSplits) {
    throw fail(`it has ${folds.length} folds, its n_splits is ${nSplits} (they must be as many)`);
  }
  refuseRepeatedTests(folds, fail);
  return {
    method: String(content.get("method")),
    nSplits,
    totalSamples,
    folds,
    perturbations: idsOf(content.get("perturbations"), totalSamples, fail),
  };
}

function refuseRepeatedTests(folds: readonly Fold[], fail: (reason: string) => DataError): void {
  const heldOutBy = new Map<number, number>();
  for (const [fold, { test }] of folds.entries()) {
    for (const row of test) {
      const other = heldOutBy.get(row);
      if (other !== undefined) {
        const place = other === fold ? `fold ${fold}, test: index ${row} comes twice` : null;
        throw fail(
          `${place ?? `index ${row} is in the test rows of folds ${other} and ${fold}`} ` +
            `(one fold holds a row out, once)`,
        );
      }
      heldOutBy.set(row, fold);
    }
  }
}

function idsOf(value: unknown, count: number, fail: (reason: string) => DataError): string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length !== count || !value.every((id) => typeof id === "string")) {
    throw fail(`its perturbations are not a list of ${count} ids`);
  }
  if (new Set(value).size < count) throw fail("its perturbations repeat an id");
  return value;
}

/** Indices of a list or of a NumPy integer array; null for anything else. */
function indexArray(value: unknown): Int32Array | null {
  const elements = Array.isArray(value) ? value : numpyElements(value);
  if (elements === null) return null;
  const numbers = Array.from(elements, wholeNumber);
  return numbers.every((number) => number !== null) ? Int32Array.from(numbers) : null;
}

function numpyElements(value: unknown): ArrayLike<unknown> | null {
  if (typeof value !== "object" || value === null || !("data" in value) || !("dtype" in value)) return null;
  const { data, dtype } = value as { data: ArrayLike<unknown>; dtype: string };
  return /[iu]\d$/.test(dtype) ? data : null;
}

function wholeNumber(value: unknown): number | null {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new DataError(`Cannot read splits "${path}": ${error instanceof Error ? error.message : error}`);
  }
}
