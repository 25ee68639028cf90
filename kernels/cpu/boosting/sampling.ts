/**
 * Row and column samples from a seeded stream of our own (XGBoost's std::mt19937 calls are not reproduced). Every draw
 * is keyed by seed, round and place in the tree, so it is the same for every output and on any number of threads.
 */
import {
  allowed,
  allowedInLevel,
  allowedInNode,
  colsampleLevel,
  colsampleNode,
  colsampleTree,
  features,
  rows,
  sampled,
  seed,
  shuffled,
  subsample,
} from "./state";

let counter: u64 = 0;

/** Start the stream of one draw: `place` tells rows, tree, level and node draws of one round apart. */
function startStream(round: i32, place: u32): void {
  counter = (<u64> seed << 32) ^ (<u64> round * 0x9e3779b97f4a7c15) ^ (<u64> place * 0xd1342543de82ef95);
}

/** Next 64 bits (splitmix64, Steele et al. 2014). */
function nextBits(): u64 {
  counter += 0x9e3779b97f4a7c15;
  let z = counter;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/** Uniform in [0, 1). */
function nextUniform(): f64 {
  return <f64> (nextBits() >> 11) / 9007199254740992.0;
}

/** Each row enters a tree's sample with probability `subsample`. */
export function sampleRows(round: i32): void {
  if (subsample >= 1) {
    memory.fill(sampled, 1, rows);
    return;
  }
  startStream(round, 1);
  for (let row = 0; row < rows; row++) {
    store<u8>(sampled + <usize> row, nextUniform() < <f64> subsample ? 1 : 0);
  }
}

/** Keep max(1, floor(fraction x n)) of the n features marked in `from`. */
function sampleColumns(from: usize, into: usize, fraction: f32): void {
  if (fraction >= 1) {
    memory.copy(into, from, features);
    return;
  }
  let n = 0;
  for (let feature = 0; feature < features; feature++) {
    if (load<u8>(from + <usize> feature) == 0) continue;
    store<i32>(shuffled + (<usize> n << 2), feature);
    n++;
  }
  const kept = max(1, <i32> (fraction * <f32> n));
  memory.fill(into, 0, features);
  for (let i = 0; i < kept; i++) {
    const j = i + <i32> (nextUniform() * <f64> (n - i));
    const picked = load<i32>(shuffled + (<usize> j << 2));
    store<i32>(shuffled + (<usize> j << 2), load<i32>(shuffled + (<usize> i << 2)));
    store<u8>(into + <usize> picked, 1);
  }
}

export function sampleTreeColumns(round: i32): void {
  memory.fill(allowed, 1, features);
  if (colsampleTree >= 1) return;
  memory.copy(allowedInNode, allowed, features);
  startStream(round, 2);
  sampleColumns(allowedInNode, allowed, colsampleTree);
}

export function sampleLevelColumns(round: i32, depth: i32): void {
  startStream(round, 3 + (<u32> depth << 2));
  sampleColumns(allowed, allowedInLevel, colsampleLevel);
}

export function sampleNodeColumns(round: i32, node: i32): void {
  startStream(round, 4 + (<u32> node << 2));
  sampleColumns(allowedInLevel, allowedInNode, colsampleNode);
}
