/** Grows one tree level by level: search, split, and the children become the slots of the next level. */
import { MIN_GAIN, nodeGain, nodeWeight } from "./gain";
import * as state from "./state";
import { usesBins, usesLists } from "./state";
import { COUNT, LEFT_G, LEFT_H, NODE, OPEN, RIGHT_G, RIGHT_H, ROOT_GAIN, SEGMENT } from "./slot";
import { BEST_DEFAULT_LEFT, BEST_FEATURE, BEST_GAIN, BEST_THRESHOLD } from "./slot";
import { SEGMENT_LENGTH, SLOT_BYTES, START, SUM_G, SUM_H } from "./slot";
import { addLeaf, makeSplit } from "./tree";
import { sampleLevelColumns } from "./sampling";
import { searchExactAny } from "./exact_any";
import { clearPartitions, planPartition, startLists } from "./dense_lists";
import { searchExactDense } from "./exact_dense";
import {
  buildHistogram,
  forgetHistograms,
  freeHistogram,
  isSmall,
  searchHistograms,
  subtractHistogram,
  subtractRows,
} from "./histogram";
import { sumRoot, takeHistogram } from "./histogram";

/** In `goesRight`: the bytes of an entry of the presorted lists (exact_dense.ts). */
const TO_RIGHT: u8 = 16;

/** In place of a slot's histogram. */
const NO_HISTOGRAM: i32 = -1;

/** Grow a tree from the gradients in place; `leafOfRow` tells where each row ends. */
export function growTree(round: i32): void {
  openRoot();
  for (let depth = 0; state.maxDepth == 0 || depth < state.maxDepth; depth++) {
    sampleLevelColumns(round, depth);
    if (usesLists) searchExactDense(round, depth);
    else if (usesBins) searchHistograms(round);
    else searchExactAny(round);
    splitLevel(depth + 1);
    if (state.slotCount == 0) return;
  }
  for (let s = 0; s < state.slotCount; s++) closeSlot(state.slots + <usize> s * SLOT_BYTES);
}

function openRoot(): void {
  const slot = state.slots;
  state.setSlotCount(1);
  for (let row = 0; row < state.rows; row++) store<i32>(state.slotRows + (<usize> row << 2), row);
  startSlot(slot, 0, state.rows);
  if (usesBins && !usesLists) {
    forgetHistograms();
    store<i32>(slot, takeHistogram(), SEGMENT);
    buildHistogram(slot, load<i32>(slot, SEGMENT));
    sumRoot(slot, load<i32>(slot, SEGMENT));
  } else {
    sumRows(slot, state.slotRows);
    if (usesLists) {
      startLists();
      store<i32>(slot, <i32> load<f64>(slot, SUM_H), SEGMENT_LENGTH);
    }
  }
  finishSlot(slot, -1);
}

function startSlot(slot: usize, start: i32, count: i32): void {
  memory.fill(slot, 0, SLOT_BYTES);
  store<i32>(slot, start, START);
  store<i32>(slot, count, COUNT);
  store<i32>(slot, 1, OPEN);
}

/** Sums over the slot's sampled rows, in order of rows. */
function sumRows(slot: usize, rowsOfSlots: usize): void {
  let sum = f64x2.splat(0);
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  for (let i = start; i < end; i++) {
    const row = load<i32>(rowsOfSlots + (<usize> i << 2));
    if (load<u8>(state.sampled + <usize> row) == 0) continue;
    sum = f64x2.add(sum, v128.load(state.gradients + (<usize> row << 4)));
  }
  v128.store(slot + SUM_G, sum);
}

/** With its sums known: gain unsplit, and the node of the tree. */
function finishSlot(slot: usize, parentNode: i32): void {
  const g = load<f64>(slot, SUM_G);
  const h = load<f64>(slot, SUM_H);
  store<f32>(slot, nodeGain(g, h), ROOT_GAIN);
  store<i32>(slot, addLeaf(parentNode, nodeWeight(g, h), h), NODE);
}

/** The slot stays a leaf: its rows end here. */
function closeSlot(slot: usize): void {
  const node = load<i32>(slot, NODE);
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  for (let i = start; i < end; i++) {
    store<i32>(state.leafOfRow + (<usize> load<i32>(state.slotRows + (<usize> i << 2)) << 2), node);
  }
}

/** Make the splits found, and the children the slots of the next level. */
function splitLevel(nextDepth: i32): void {
  const last = nextDepth == state.maxDepth;
  let count = 0;
  clearPartitions();
  for (let s = 0; s < state.slotCount; s++) {
    const slot = state.slots + <usize> s * SLOT_BYTES;
    if (!isSplit(slot)) {
      closeSlot(slot);
      if (usesBins && !usesLists && load<i32>(slot, SEGMENT) != NO_HISTOGRAM) {
        freeHistogram(load<i32>(slot, SEGMENT));
      }
      continue;
    }
    const left = state.nextSlots + <usize> count * SLOT_BYTES;
    const right = left + SLOT_BYTES;
    const node = load<i32>(slot, NODE);
    const threshold = load<f32>(slot, BEST_THRESHOLD);
    makeSplit(
      node,
      load<i32>(slot, BEST_FEATURE),
      threshold,
      load<i32>(slot, BEST_DEFAULT_LEFT),
      load<f32>(slot, BEST_GAIN),
    );
    const leftCount = divideRows(slot);
    startSlot(left, load<i32>(slot, START), leftCount);
    startSlot(right, load<i32>(slot, START) + leftCount, load<i32>(slot, COUNT) - leftCount);
    if (usesBins) {
      store<f64>(left, load<f64>(slot, LEFT_G), SUM_G);
      store<f64>(left, load<f64>(slot, LEFT_H), SUM_H);
      store<f64>(right, load<f64>(slot, RIGHT_G), SUM_G);
      store<f64>(right, load<f64>(slot, RIGHT_H), SUM_H);
    } else {
      sumRows(left, state.nextSlotRows);
      sumRows(right, state.nextSlotRows);
    }
    finishSlot(left, node);
    finishSlot(right, node);
    if (usesLists) planPartition(slot, left, right, count);
    else if (usesBins) store<i32>(left, load<i32>(slot, SEGMENT), SEGMENT);
    count += 2;
  }
  state.turnLevel(count);
  if (usesBins && !usesLists && !last) fillHistograms();
}

/** XGBoost splits for a gain above 1e-6; hist also asks for gamma and for a hessian on either side. */
function isSplit(slot: usize): bool {
  const gain = load<f32>(slot, BEST_GAIN);
  if (!(gain > MIN_GAIN)) return false;
  if (!usesBins) return true;
  return gain >= state.gamma && load<f64>(slot, LEFT_H) != 0 && load<f64>(slot, RIGHT_H) != 0;
}

/** Write a slot's rows to the next level's list, those that go left first. Returns how many do. */
function divideRows(slot: usize): i32 {
  const values = state.columns + (<usize> (load<i32>(slot, BEST_FEATURE) * state.rows) << 2);
  const threshold = load<f32>(slot, BEST_THRESHOLD);
  const missingLeft = load<i32>(slot, BEST_DEFAULT_LEFT) != 0;
  const start = load<i32>(slot, START);
  const end = start + load<i32>(slot, COUNT);
  let leftCount = 0;
  for (let i = start; i < end; i++) {
    const row = load<i32>(state.slotRows + (<usize> i << 2));
    const value = load<f32>(values + (<usize> row << 2));
    const toLeft = value != value ? missingLeft : value < threshold;
    store<u8>(state.goesRight + <usize> row, toLeft ? 0 : TO_RIGHT);
    if (toLeft) {
      store<i32>(state.nextSlotRows + (<usize> (start + leftCount) << 2), row);
      leftCount++;
    }
  }
  let at = state.nextSlotRows + (<usize> (start + leftCount) << 2);
  for (let i = start; i < end; i++) {
    const row = load<i32>(state.slotRows + (<usize> i << 2));
    if (load<u8>(state.goesRight + <usize> row) == 0) continue;
    store<i32>(at, row);
    at += 4;
  }
  return leftCount;
}

/**
 * Histograms of the level: of two siblings the lighter is summed, the other is what remains of the parent's. Those that
 * weigh too little for two children need none.
 */
function fillHistograms(): void {
  for (let s = 0; s < state.slotCount; s += 2) {
    const left = state.slots + <usize> s * SLOT_BYTES;
    const right = left + SLOT_BYTES;
    const inherited = load<i32>(left, SEGMENT);
    const isRightLighter = load<f64>(right, SUM_H) < load<f64>(left, SUM_H);
    const lighter = isRightLighter ? right : left;
    const heavier = isRightLighter ? left : right;
    closeIfLight(lighter);
    closeIfLight(heavier);
    if (load<i32>(heavier, OPEN) != 0 && state.areSumsExact && isSmall(lighter)) {
      subtractRows(lighter, inherited);
      store<i32>(heavier, inherited, SEGMENT);
      const own = load<i32>(lighter, OPEN) != 0 ? takeHistogram() : NO_HISTOGRAM;
      if (own != NO_HISTOGRAM) buildHistogram(lighter, own);
      store<i32>(lighter, own, SEGMENT);
    } else if (load<i32>(heavier, OPEN) != 0) {
      const own = takeHistogram();
      buildHistogram(lighter, own);
      subtractHistogram(inherited, own);
      store<i32>(lighter, own, SEGMENT);
      store<i32>(heavier, inherited, SEGMENT);
    } else {
      if (load<i32>(lighter, OPEN) != 0) buildHistogram(lighter, inherited);
      store<i32>(lighter, inherited, SEGMENT);
      store<i32>(heavier, NO_HISTOGRAM, SEGMENT);
    }
  }
}

/** No two children can both weigh enough; the margin is for what sums of real weights round. */
function closeIfLight(slot: usize): void {
  if (load<f64>(slot, SUM_H) < 1.999 * <f64> state.minChildWeight) store<i32>(slot, 0, OPEN);
}
