/**
 * An open node of the level in work: which rows it holds, its sums, and the best split found for it so far.
 * Records of 96 bytes; a candidate replaces the best by XGBoost's rule.
 */

// f64 fields first, so that they are aligned.
export const SLOT_BYTES: usize = 96;
/** Sums of gradient and hessian over the slot's sampled rows. */
export const SUM_G: usize = 0;
export const SUM_H: usize = 8;
/** Sums on either side of the best split. */
export const LEFT_G: usize = 16;
export const LEFT_H: usize = 24;
export const RIGHT_G: usize = 32;
export const RIGHT_H: usize = 40;
/** f32: gain of the node unsplit. */
export const ROOT_GAIN: usize = 48;
/** f32: what the best split adds to it; 0 before any. */
export const BEST_GAIN: usize = 52;
/** i32, f32, i32: feature, threshold and default direction of the best split. */
export const BEST_FEATURE: usize = 56;
export const BEST_THRESHOLD: usize = 60;
export const BEST_DEFAULT_LEFT: usize = 64;
/** i32: the node's id in the tree. */
export const NODE: usize = 68;
/** i32: its rows are slotRows[START .. START + COUNT]. */
export const START: usize = 72;
export const COUNT: usize = 76;
/** i32: the slot's segment in the presorted lists (dense engine) or its histogram (hist engine). */
export const SEGMENT: usize = 80;
export const SEGMENT_LENGTH: usize = 84;
/** i32: rounded mean of the segment's fixed-point gradients (dense engine). */
export const SEGMENT_MEAN: usize = 92;
/** i32: 0 where the slot cannot be split whatever the candidates. */
export const OPEN: usize = 88;

/**
 * SplitEntry::NeedReplace and the copy: more gain wins, at equal gain the lower feature, within one feature the first.
 * An infinite gain (lambda 0 with an empty child) is no split; neither is NaN.
 */
export function propose(
  slot: usize,
  gain: f32,
  feature: i32,
  threshold: f32,
  defaultLeft: i32,
  leftG: f64,
  leftH: f64,
  rightG: f64,
  rightH: f64,
): void {
  const best = load<f32>(slot, BEST_GAIN);
  if (load<i32>(slot, BEST_FEATURE) <= feature) {
    if (!(gain > best)) return;
  } else if (best > gain) return;
  if (gain == f32.POSITIVE_INFINITY || gain == f32.NEGATIVE_INFINITY) return;
  store<f32>(slot, gain, BEST_GAIN);
  store<i32>(slot, feature, BEST_FEATURE);
  store<f32>(slot, threshold, BEST_THRESHOLD);
  store<i32>(slot, defaultLeft, BEST_DEFAULT_LEFT);
  store<f64>(slot, leftG, LEFT_G);
  store<f64>(slot, leftH, LEFT_H);
  store<f64>(slot, rightG, RIGHT_G);
  store<f64>(slot, rightH, RIGHT_H);
}

/** The threshold between two neighbours: their mean, unless that rounds to the value just met. */
export function midpoint(value: f32, last: f32): f32 {
  const middle = (value + last) * 0.5;
  return middle == value ? last : middle;
}
