/**
 * Exact greedy search for any data: missing values, real weights, L1 penalty. Walks each sorted column once for all
 * open slots together (backwards, and forwards too where values are missing), as XGBoost's ColMaker does: every sum is
 * added in the same order. About ten operations for each row, feature and level.
 */
import { MIN_GAIN, nodeGain } from "./gain";
import { allowedInLevel, allowedInNode, colsampleNode } from "./state";
import {
  columns,
  features,
  gradients,
  minChildWeight,
  order,
  present,
  rows,
  slotCount,
  slotRows,
  slots,
} from "./state";
import { COUNT, midpoint, NODE, propose, ROOT_GAIN, SLOT_BYTES, START, SUM_G, SUM_H } from "./slot";
import { sampleNodeColumns } from "./sampling";
import { sampled } from "./state";

/** i32, rows: slot of a row, -1 where it is out of the sample or in no open slot. */
let slotOfRow: usize = 0;
/** f64 x 2 and f32 in 24 bytes a slot: sums walked over so far, and the last value met. */
let walked: usize = 0;
/** u8, features x slots: 1 where a node's column sample holds the feature; only with column samples by node. */
let allowedForSlot: usize = 0;

export function placeExactAny(newSlotOfRow: usize, newWalked: usize, newAllowedForSlot: usize): void {
  slotOfRow = newSlotOfRow;
  walked = newWalked;
  allowedForSlot = newAllowedForSlot;
}

/** Find the best split of every slot of the level. */
export function searchExactAny(round: i32): void {
  memory.fill(slotOfRow, 0xff, <usize> rows << 2);
  for (let s = 0; s < slotCount; s++) {
    const slot = slots + <usize> s * SLOT_BYTES;
    const start = load<i32>(slot, START);
    const end = start + load<i32>(slot, COUNT);
    for (let i = start; i < end; i++) {
      const row = load<i32>(slotRows + (<usize> i << 2));
      if (load<u8>(sampled + <usize> row)) store<i32>(slotOfRow + (<usize> row << 2), s);
    }
    if (colsampleNode < 1) {
      sampleNodeColumns(round, load<i32>(slot, NODE));
      for (let f = 0; f < features; f++) {
        store<u8>(allowedForSlot + <usize> (f * slotCount + s), load<u8>(allowedInNode + <usize> f));
      }
    }
  }
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(allowedInLevel + <usize> feature) == 0) continue;
    const count = load<i32>(present + (<usize> feature << 2));
    const first = order + (<usize> (feature * rows) << 2);
    const values = columns + (<usize> (feature * rows) << 2);
    if (count < rows && count > 0) {
      const lowest = load<f32>(values + (<usize> load<i32>(first) << 2));
      const highest = load<f32>(values + (<usize> load<i32>(first + (<usize> (count - 1) << 2)) << 2));
      if (lowest != highest) walk(feature, first, 4, count, values, false);
    }
    walk(feature, first + (<usize> (count - 1) << 2), -4, count, values, true);
  }
}

/** ColMaker::EnumerateSplit: `backwards` means that missing values go left. */
function walk(feature: i32, first: usize, step: isize, count: i32, values: usize, backwards: bool): void {
  memory.fill(walked, 0, <usize> slotCount * 24);
  const minHessian = <f64> minChildWeight;
  const byNode = colsampleNode < 1;
  let at = first;
  for (let i = 0; i < count; i++, at += step) {
    const row = load<i32>(at);
    const s = load<i32>(slotOfRow + (<usize> row << 2));
    if (s < 0) continue;
    if (byNode && load<u8>(allowedForSlot + <usize> (feature * slotCount + s)) == 0) continue;
    const value = load<f32>(values + (<usize> row << 2));
    const passed = walked + <usize> s * 24;
    const g = load<f64>(passed);
    const h = load<f64>(passed, 8);
    if (h != 0) {
      const last = load<f32>(passed, 16);
      if (value != last && h >= minHessian) {
        const slot = slots + <usize> s * SLOT_BYTES;
        const restG = load<f64>(slot, SUM_G) - g;
        const restH = load<f64>(slot, SUM_H) - h;
        if (restH >= minHessian) {
          offer(slot, feature, midpoint(value, last), backwards, g, h, restG, restH);
        }
      }
    }
    const gradient = gradients + (<usize> row << 4);
    store<f64>(passed, g + load<f64>(gradient));
    store<f64>(passed, h + load<f64>(gradient, 8), 8);
    store<f32>(passed, value, 16);
  }
  // Everything present on one side, everything missing on the other.
  for (let s = 0; s < slotCount; s++) {
    if (byNode && load<u8>(allowedForSlot + <usize> (feature * slotCount + s)) == 0) continue;
    const slot = slots + <usize> s * SLOT_BYTES;
    const passed = walked + <usize> s * 24;
    const g = load<f64>(passed);
    const h = load<f64>(passed, 8);
    const restG = load<f64>(slot, SUM_G) - g;
    const restH = load<f64>(slot, SUM_H) - h;
    if (h < minHessian || restH < minHessian) continue;
    const last = load<f32>(passed, 16);
    const gap: f32 = abs(last) + MIN_GAIN;
    offer(slot, feature, last + (backwards ? -gap : gap), backwards, g, h, restG, restH);
  }
}

function offer(
  slot: usize,
  feature: i32,
  threshold: f32,
  backwards: bool,
  g: f64,
  h: f64,
  restG: f64,
  restH: f64,
): void {
  const rootGain = load<f32>(slot, ROOT_GAIN);
  if (backwards) {
    const gain: f32 = (nodeGain(restG, restH) + nodeGain(g, h)) - rootGain;
    propose(slot, gain, feature, threshold, 1, restG, restH, g, h);
  } else {
    const gain: f32 = (nodeGain(g, h) + nodeGain(restG, restH)) - rootGain;
    propose(slot, gain, feature, threshold, 0, g, h, restG, restH);
  }
}
