import { assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { refuseBrokenForest } from "../../lib/models/saved_forest.ts";

/** One tree: a root that splits by feature 1 of 2, and its two leaves. */
const sound = {
  "scaler.mean": [0, 0],
  "forest.tree_sizes": [3],
  "forest.feature": [1, -1, -1],
  "forest.left": [1, -1, -1],
  "forest.right": [2, -1, -1],
};
type Changes = Partial<Record<keyof typeof sound, number[]>>;

function check(changes: Changes): void {
  const tensors = Object.entries({ ...sound, ...changes }).map(([name, numbers]) =>
    [name, { shape: [numbers.length], data: Float32Array.from(numbers) }] as const
  );
  refuseBrokenForest("fold_0.safetensors", new Map(tensors));
}

const broken: [what: string, changes: Changes, message: string][] = [
  // Case hang_saved_forest: no walk would end.
  [
    "a root that is its own child",
    { "forest.left": [0, -1, -1], "forest.right": [0, -1, -1] },
    "children 0 and 0",
  ],
  ["a node with two parents", { "forest.right": [1, -1, -1] }, "children 1 and 1"],
  ["a child outside its tree", { "forest.right": [3, -1, -1] }, "children 1 and 3"],
  ["a child that is no whole number", { "forest.left": [1.5, -1, -1] }, "children 1.5 and 2"],
  ["a feature that is none", { "forest.feature": [2, -1, -1] }, "splits by feature 2 of 2"],
  ["more nodes than there are", { "forest.tree_sizes": [4] }, "tree 0 would have 4 nodes"],
  [
    "fewer nodes than there are",
    { "forest.tree_sizes": [1], "forest.feature": [-1, -1, -1] },
    "its trees have 1 nodes",
  ],
];
for (const [what, changes, message] of broken) {
  Deno.test(`refuseBrokenForest() refuses ${what}, by file and tree`, () => {
    check({});
    assertThrows(() => check(changes), DataError, message);
  });
}
