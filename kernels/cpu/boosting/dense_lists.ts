/**
 * The presorted lists of exact_dense.ts: for every feature the rows of weight 1 by descending value (by ascending value
 * where candidates are bins, as XGBoost meets them), cut into a segment for each slot of the level. Four features are interleaved. An entry is 32 bits: the row below, its gradient in fixed
 * point above, so that a scan needs no look-up.
 */
import { features, gradients, order, rows, sampled, slots, usesBins, weights } from "./state";
import { OPEN, SEGMENT, SEGMENT_LENGTH, SLOT_BYTES, SUM_H } from "./slot";

/** Low bits of an entry that hold its row; a constant, since it is the shift of every scan. */
export const ROW_BITS: i32 = 13;
/** `goesRight` of this engine, at a constant address: an addition less for each entry that is moved. */
const SIDES: usize = memory.data(8192);

/** u16, groups of 4 features x rows x 4: rows of weight 1 by value. Made once a data set. */
let interleavedOrder: usize = 0;
/** u32, the same shape: the lists; two buffers that take turns by level. */
export let lists: usize = 0;
export let nextLists: usize = 0;
/** u32, rows: this tree's entry of each row. */
export let entries: usize = 0;
let weightedRows: i32 = 0;
/** Entries of a list: a segment's, and one more behind each that partition() may spoil. */
export let stride: i32 = 0;
export let groups: i32 = 0;
export let hasZeroWeights: bool = false;
export let center: f64 = 0;
export let quantum: f64 = 0;
/** No gradient is larger. */
export let reach: f64 = 0;
export let listed: i32 = 0;
/** i32 x 2 for each parent of this level: its segment, slot of its left child. */
let partitions: usize = 0;
let partitionCount: i32 = 0;
/** Where the next segment of the level begins. */
let nextSegment: i32 = 0;
/** Most slots of a level. */
let mostSegments: i32 = 0;

export function sidesAt(): usize {
  return SIDES;
}

export function placeLists(
  newInterleavedOrder: usize,
  newLists: usize,
  newNextLists: usize,
  newEntries: usize,
  newPartitions: usize,
  newMostSegments: i32,
): void {
  interleavedOrder = newInterleavedOrder;
  lists = newLists;
  nextLists = newNextLists;
  entries = newEntries;
  partitions = newPartitions;
  mostSegments = newMostSegments;
}

/** Interleave the sorted columns, the end where XGBoost begins first, rows of weight 0 left out. */
export function prepareLists(): void {
  groups = (features + 3) >> 2;
  weightedRows = 0;
  for (let row = 0; row < rows; row++) {
    if (load<f32>(weights + (<usize> row << 2)) != 0) weightedRows++;
  }
  hasZeroWeights = weightedRows != rows;
  stride = weightedRows + mostSegments;
  for (let lane = 0; lane < groups << 2; lane++) {
    const feature = min(lane, features - 1);
    const sorted = order + (<usize> (feature * rows) << 2);
    let to = interleavedOrder + (<usize> ((lane >> 2) * weightedRows) << 3) + (<usize> (lane & 3) << 1);
    for (let i = 0; i < rows; i++) {
      const row = load<i32>(sorted + (<usize> (usesBins ? i : rows - 1 - i) << 2));
      if (load<f32>(weights + (<usize> row << 2)) == 0) continue;
      store<u16>(to, <u16> row);
      to += 8;
    }
  }
}

/** Fixed-point entries of this tree's gradients. */
export function startLists(): void {
  let low = Infinity;
  let high = -Infinity;
  listed = 0;
  for (let row = 0; row < rows; row++) {
    if (!isListed(row)) continue;
    const g = load<f64>(gradients + (<usize> row << 4));
    low = min(low, g);
    high = max(high, g);
    listed++;
  }
  if (listed == 0) return;
  center = (low + high) * 0.5;
  // Sums over all entries, less the node's mean, stay within 32 bits, and so does an entry.
  const bitsOfRows = 32 - clz<i32>(max(rows - 1, 1));
  const largest = <f64> ((1 << min(30 - bitsOfRows, 31 - ROW_BITS)) - 1);
  reach = abs(center) + (high - low) * 0.5;
  quantum = max((high - low) * 0.5 / largest, 1e-300);
  const perQuantum = 1 / quantum;
  for (let row = 0; row < rows; row++) {
    const g = load<f64>(gradients + (<usize> row << 4));
    const k = <i32> nearest<f64>((g - center) * perQuantum);
    store<u32>(entries + (<usize> row << 2), (<u32> k << ROW_BITS) | <u32> row);
  }
}

export function isListed(row: i32): bool {
  return load<u8>(sampled + <usize> row) != 0 && load<f32>(weights + (<usize> row << 2)) != 0;
}

/** The root's lists of four features. */
export function fillLists(group: i32, to: usize): void {
  let from = interleavedOrder + (<usize> (group * weightedRows) << 3);
  if (listed != weightedRows) return fillSampledLists(from, to);
  const end = from + (<usize> weightedRows << 3);
  for (; from < end; from += 8, to += 16) {
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from) << 2)));
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 2) << 2)), 4);
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 4) << 2)), 8);
    store<u32>(to, load<u32>(entries + (<usize> load<u16>(from, 6) << 2)), 12);
  }
}

function fillSampledLists(from: usize, to: usize): void {
  for (let lane: usize = 0; lane < 4; lane++) {
    let at = to + (lane << 2);
    for (let i = 0; i < weightedRows; i++) {
      const row = <usize> load<u16>(from + (<usize> i << 3) + (lane << 1));
      if (load<u8>(sampled + row) == 0) continue;
      store<u32>(at, load<u32>(entries + (row << 2)));
      at += 16;
    }
  }
}

export function clearPartitions(): void {
  partitionCount = 0;
  nextSegment = 0;
}

/** Plan the split of a slot's segment; its rows' sides are in `goesRight`, its children's sums are known. */
export function planPartition(slot: usize, left: usize, right: usize, leftSlot: i32): void {
  // With weights 0 or 1 a hessian sum is a number of rows.
  const leftLength = <i32> load<f64>(left, SUM_H);
  const rightLength = <i32> load<f64>(right, SUM_H);
  store<i32>(left, nextSegment, SEGMENT);
  store<i32>(left, leftLength, SEGMENT_LENGTH);
  store<i32>(right, nextSegment + leftLength + 1, SEGMENT);
  store<i32>(right, rightLength, SEGMENT_LENGTH);
  const record = partitions + (<usize> partitionCount << 3);
  store<i32>(record, load<i32>(slot, SEGMENT));
  store<i32>(record, leftSlot, 4);
  partitionCount++;
  nextSegment += leftLength + rightLength + 2;
}

/** Split the segments of those parents that have a child to scan. */
export function partitionOpen(base: usize): void {
  for (let p = 0; p < partitionCount; p++) {
    const record = partitions + (<usize> p << 3);
    const left = slots + <usize> load<i32>(record, 4) * SLOT_BYTES;
    if (load<i32>(left, OPEN) != 0 || load<i32>(left + SLOT_BYTES, OPEN) != 0) {
      partition(base, load<i32>(record), left);
    }
  }
}

/**
 * Stable split of one segment of four lists. Every entry is written to both children's segments, and only the pointer
 * of its side moves on: no branch, no choice. What comes after a segment's last entry is spoiled by that.
 */
function partition(base: usize, parentSegment: i32, leftSlot: usize): void {
  const rightSlot = leftSlot + SLOT_BYTES;
  const length = <usize> (load<i32>(leftSlot, SEGMENT_LENGTH) + load<i32>(rightSlot, SEGMENT_LENGTH));
  const mask: u32 = (1 << ROW_BITS) - 1;
  let from = lists + base + (<usize> parentSegment << 4);
  const end = from + (length << 4);
  const right = nextLists + base + (<usize> load<i32>(rightSlot, SEGMENT) << 4);
  // One of the two pointers moves at each entry, so their sum and one of them tell both.
  let left = nextLists + base + (<usize> load<i32>(leftSlot, SEGMENT) << 4) + right;
  let right0 = right;
  let right1 = right + 4;
  let right2 = right + 8;
  let right3 = right + 12;
  for (; from < end; from += 16, left += 16) {
    const entry0 = load<u32>(from);
    store<u32>(right0, entry0);
    store<u32>(left - right0, entry0);
    right0 += <usize> load<u8>(<usize> (entry0 & mask), SIDES);
    const entry1 = load<u32>(from, 4);
    store<u32>(right1, entry1);
    store<u32>(left - right1, entry1, 8);
    right1 += <usize> load<u8>(<usize> (entry1 & mask), SIDES);
    const entry2 = load<u32>(from, 8);
    store<u32>(right2, entry2);
    store<u32>(left - right2, entry2, 16);
    right2 += <usize> load<u8>(<usize> (entry2 & mask), SIDES);
    const entry3 = load<u32>(from, 12);
    store<u32>(right3, entry3);
    store<u32>(left - right3, entry3, 24);
    right3 += <usize> load<u8>(<usize> (entry3 & mask), SIDES);
  }
}

/** The lists just made are those of the level in work. */
export function turnLists(): void {
  const old = lists;
  lists = nextLists;
  nextLists = old;
}
