/** Which tensors a fold of a saved model must have, by kind, and of what shape (see saved_model.ts). */
import type { ModelKind, SavedModel } from "./saved_model_json.ts";

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** What is wrong with a fold's tensors, or null. */
export function tensorProblem(
  { kind, genes, input }: Omit<SavedModel, "folds">,
  tensors: Shapes,
): string | null {
  const width = input.kind === "embedding" ? input.width : null;
  const { required, optional } = expectedShapes(kind, genes.length, width, tensors);
  for (const [name, shape] of [...Object.entries(required), ...Object.entries(optional)]) {
    const found = tensors.get(name)?.shape;
    if (!found) {
      if (name in required) return `it has no tensor "${name}"`;
    } else if (found.length !== shape.length || shape.some((size, i) => size !== null && size !== found[i])) {
      const wanted = shape.map((size) => size ?? "any").join(", ");
      return `tensor "${name}" has shape (${found.join(", ")}), expected (${wanted})`;
    }
  }
  return null;
}

/** A size that is not known beforehand is null. */
type ExpectedShapes = Record<string, (number | null)[]>;

function expectedShapes(
  kind: ModelKind,
  genes: number,
  width: number | null,
  tensors: Shapes,
): { required: ExpectedShapes; optional: ExpectedShapes } {
  const baseline = [genes];
  const scaler = { "scaler.mean": [width], "scaler.scale": [width] };
  switch (kind) {
    case "linear_pca": {
      const k = tensors.get("coefficients")?.shape[1] ?? null;
      return { required: { baseline, coefficients: [genes, k], gene_embeddings: [genes, k] }, optional: {} };
    }
    case "linear_nt_embed":
      return { required: { baseline, coefficients: [genes, width] }, optional: scaler };
    case "xgboost": {
      const nodes = tensors.get("forest.feature")?.shape[0] ?? null;
      const perNode = ["feature", "value", "left", "right", "default_left"];
      return {
        required: {
          baseline,
          ...scaler,
          "forest.base_score": [genes],
          "forest.tree_sizes": [genes, null],
          ...Object.fromEntries(perNode.map((name) => [`forest.${name}`, [nodes]])),
        },
        optional: {},
      };
    }
    case "mlp":
      return { required: { baseline, ...scaler, ...layerShapes(tensors, width, genes) }, optional: {} };
    case "concat_mlp": {
      const geneWidth = tensors.get("gene_embeddings")?.shape[1] ?? null;
      const both = width !== null && geneWidth !== null ? width + geneWidth : null;
      return {
        required: { baseline, gene_embeddings: [genes, geneWidth], ...layerShapes(tensors, both, 1) },
        optional: { "scaler.mean": [both], "scaler.scale": [both] },
      };
    }
    case "nt_ia3":
      return { required: { baseline }, optional: {} };
  }
}

/** Layers 0, 1, ...: the first reads `inputs`, each next one what the one before it gives, the last gives `outputs`. */
function layerShapes(tensors: Shapes, inputs: number | null, outputs: number): ExpectedShapes {
  const shapes: ExpectedShapes = {};
  for (let layer = 0;; layer++) {
    const last = !tensors.has(`layers.${layer + 1}.weight`);
    const width: number | null = last ? outputs : tensors.get(`layers.${layer}.weight`)?.shape[0] ?? null;
    shapes[`layers.${layer}.weight`] = [width, inputs];
    shapes[`layers.${layer}.bias`] = [width];
    if (last) return shapes;
    inputs = width;
  }
}
