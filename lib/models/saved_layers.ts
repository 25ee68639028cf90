/** Layers of networks in saved models: `layers.<i>.weight` (outputs x inputs), `layers.<i>.bias`. */
import type { Backend } from "../backend/backend.ts";
import type { ExpectedShapes, SavedTensors } from "../experiment/model.ts";
import { Linear } from "../nn/layers.ts";
import { parameter } from "../tensor/mod.ts";

/** Layers 0, 1, ...: the first reads `inputs`, each next one what the one before it gives, the last gives `outputs`. */
export function layerShapes(tensors: SavedTensors, inputs: number | null, outputs: number): ExpectedShapes {
  const shapes: Record<string, (number | null)[]> = {};
  for (let layer = 0;; layer++) {
    const isLast = !tensors.has(`layers.${layer + 1}.weight`);
    const width: number | null = isLast ? outputs : tensors.get(`layers.${layer}.weight`)?.shape[0] ?? null;
    shapes[`layers.${layer}.weight`] = [width, inputs];
    shapes[`layers.${layer}.bias`] = [width];
    if (isLast) return shapes;
    inputs = width;
  }
}

/** Layers `from`, from + 1, ... on the device. */
export function loadLayers(backend: Backend, tensors: SavedTensors, from = 0): Linear[] {
  const layers: Linear[] = [];
  for (let i = from; tensors.has(`layers.${i}.weight`); i++) {
    const [weight, bias] = ["weight", "bias"].map((part) => tensors.get(`layers.${i}.${part}`)!);
    layers.push(
      new Linear(parameter(backend, weight.data, weight.shape), parameter(backend, bias.data, bias.shape)),
    );
  }
  return layers;
}
