/** Random problems for the tree tests, and the reference cases of golden/classical/unit/xgboost. */
import { join } from "@std/path";
import { BoostingKernel, type Fit } from "../../lib/boosting/kernel.ts";
import { type BoostingParameters, defaultParameters } from "../../lib/boosting/parameters.ts";
import { prepareData } from "../../lib/boosting/prepared_data.ts";
import { readNpyMatrix } from "../../lib/io/npy.ts";
import type { Matrix } from "../../lib/linalg/matrix.ts";

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomMatrix(rows: number, columns: number, next: () => number): Matrix {
  return { data: Float32Array.from({ length: rows * columns }, () => next() * 2 - 1), rows, columns };
}

/** A training set, rows to predict, and a target that depends on some features. */
export interface Problem {
  readonly train: Matrix;
  readonly test: Matrix;
  readonly targets: Float32Array;
  readonly weights: Float32Array | null;
}

export interface ProblemShape {
  readonly rows: number;
  readonly features: number;
  /** Values are rounded to multiples of this: ties. */
  readonly step?: number;
  /** Share of values that are missing. */
  readonly missing?: number;
  readonly weights?: "zero-one" | "real";
}

export function randomProblem(seed: number, shape: ProblemShape): Problem {
  const next = uniforms(seed);
  const make = (rows: number): Matrix => {
    const x = randomMatrix(rows, shape.features, next);
    for (let i = 0; i < x.data.length; i++) {
      if (shape.step) x.data[i] = Math.round(x.data[i] / shape.step) * shape.step;
      if (shape.missing && next() < shape.missing) x.data[i] = NaN;
    }
    return x;
  };
  const train = make(shape.rows), test = make(15);
  const targets = Float32Array.from({ length: shape.rows }, (_, row) => {
    const value = train.data[row * shape.features];
    return (Number.isNaN(value) ? 0.5 : Math.sin(3 * value)) + 0.3 * (next() - 0.5);
  });
  const weights = shape.weights
    ? Float32Array.from(targets, () => shape.weights === "real" ? next() * 2 : next() < 0.8 ? 1 : 0)
    : null;
  return { train, test, targets, weights };
}

export function fit(
  problem: Problem,
  settings: Partial<BoostingParameters>,
  search: "auto" | "any" = "auto",
): Fit {
  const parameters = { ...defaultParameters, ...settings };
  const { train, test, weights, targets } = problem;
  const data = prepareData(train, test, weights, parameters);
  return new BoostingKernel(data, parameters, { keepTrees: true, search }).fit(targets);
}

/** One variant of one reference case. */
export interface GoldenVariant {
  readonly name: string;
  readonly settings: Partial<BoostingParameters>;
  readonly nodes: number;
  readonly trainPredictions: Float32Array;
  readonly testPredictions: Float32Array;
  /** Path of XGBoost's model file, where it was kept. */
  readonly model: string | null;
}

/** A reference case with all its variants. */
export async function goldenCase(folder: string): Promise<{ problem: Problem; variants: GoldenVariant[] }> {
  const name = folder.split("/").at(-1)!;
  const index = JSON.parse(await Deno.readTextFile(join(folder, "..", "index.json")));
  const description = (index.cases ?? index)[name];
  const read = (file: string) => readNpyMatrix(join(folder, file));
  const flat = async (file: string) => new Float32Array(await readVector(join(folder, file)));
  const problem = {
    train: await read("x_train.npy"),
    test: await read("x_test.npy"),
    targets: await flat("y_train.npy"),
    weights: description.weights ? await flat("weights.npy") : null,
  };
  const variants: GoldenVariant[] = [];
  for (const [variant, facts] of Object.entries(description.variants) as [string, GoldenFacts][]) {
    variants.push({
      name: variant,
      settings: {
        treeMethod: facts.params.tree_method ?? "exact",
        maxDepth: facts.params.max_depth ?? 6,
        rounds: facts.params.n_estimators ?? 100,
        baseScore: facts.base_score,
      },
      nodes: facts.nodes,
      trainPredictions: await flat(`${variant}_pred_train.npy`),
      testPredictions: await flat(`${variant}_pred_test.npy`),
      model: facts.model_kept ? join(folder, `${variant}_model.json`) : null,
    });
  }
  return { problem, variants };
}

interface GoldenFacts {
  params: { tree_method?: "exact" | "hist"; max_depth?: number; n_estimators?: number };
  base_score: number;
  nodes: number;
  model_kept: boolean;
}

async function readVector(path: string): Promise<Float32Array> {
  const { readNpy } = await import("../../lib/io/npy.ts");
  return (await readNpy(path)).data as Float32Array;
}
