/**
 * Exact greedy search for the common case: nothing missing, weights 0 or 1, no L1 penalty. The same splits as
 * exact_any.ts to the last bit, at a tenth of its work:
 *
 * 1. Sorted lists are kept a node apart (as in CART and SPRINT), so that a node's candidates lie side by side. An entry
 *    is 32 bits: the row below, its gradient in fixed point above. Four features are interleaved, one a SIMD lane.
 * 2. A level is one pass over the lists: split each parent's segment in two, scan each child's for its largest gain.
 *    The scan is approximate: with hessians of 1 the gain at position j is a quadratic in the prefix sum, whose
 *    coefficients depend on the node alone. Integer sums round nothing; what fixed point lost has a proven bound.
 * 3. Only the features whose approximate gain comes within that bound of the best are walked exactly, in float64 and in
 *    XGBoost's order: one or two of hundreds, as a rule.
 *
 * Hist takes this way too, while its sums round nothing (exact_sums.ts): a position inside a bin is no candidate then, as
 * one among equal values is none here, and every node costs its own rows instead of all bins.
 *
 * Bytes moved a level: 8 for each row and feature in an open node; operations: 8 to split, 3 to scan.
 */
import { allowedInLevel, allowedInNode, colsampleNode, features, slotCount, slots } from "./state";
import { NODE, OPEN, SLOT_BYTES } from "./slot";
import { sampleNodeColumns } from "./sampling";
import { fillLists, groups, nextLists, partitionOpen, placeLists, stride, turnLists } from "./dense_lists";
import { placeGains, scan, tabulate } from "./dense_gains";
import { refine } from "./dense_refine";
import { placeSettledRoot, rootStaysLeaf } from "./settled_root";

/** f32, slots x groups x 4: largest approximate gain of each feature. */
let approximate: usize = 0;

export function placeExactDense(
  newInterleavedOrder: usize,
  newLists: usize,
  newNextLists: usize,
  newEntries: usize,
  newCoefficients: usize,
  newMostSegments: i32,
  newApproximate: usize,
  newPartitions: usize,
  newRootGradients: usize,
): void {
  placeLists(newInterleavedOrder, newLists, newNextLists, newEntries, newPartitions, newMostSegments);
  placeGains(newCoefficients);
  placeSettledRoot(newRootGradients);
  approximate = newApproximate;
}

/** Best split of every slot of the level, whose parents' segments still have to be split unless it is the root. */
export function searchExactDense(round: i32, depth: i32): void {
  if (depth == 0 && rootStaysLeaf(slots)) return;
  let anyOpen = false;
  for (let s = 0; s < slotCount; s++) anyOpen = tabulate(slots + <usize> s * SLOT_BYTES) || anyOpen;
  if (!anyOpen) return;
  for (let group = 0; group < groups; group++) {
    const base = <usize> (group * stride) << 4;
    if (depth == 0) fillLists(group, nextLists + base);
    else partitionOpen(base);
    for (let s = 0; s < slotCount; s++) {
      const slot = slots + <usize> s * SLOT_BYTES;
      if (load<i32>(slot, OPEN) == 0) continue;
      v128.store(approximate + (<usize> (s * groups + group) << 4), scan(nextLists + base, slot));
    }
  }
  turnLists();
  for (let s = 0; s < slotCount; s++) {
    const slot = slots + <usize> s * SLOT_BYTES;
    if (load<i32>(slot, OPEN) == 0) continue;
    if (colsampleNode < 1) sampleNodeColumns(round, load<i32>(slot, NODE));
    else memory.copy(allowedInNode, allowedInLevel, features);
    refine(slot, approximate + (<usize> (s * groups) << 4));
  }
}
