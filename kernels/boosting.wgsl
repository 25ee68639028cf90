// Boosted regression trees of many outputs at once: exact greedy splits, squared error, hessians of 1, nothing missing.
//
// One level of all outputs' trees is three dispatches. Rows lie presorted by each feature, a list an output and feature,
// cut into one segment an open node (a slot); within a segment the candidates are met from the largest value down, as in
// XGBoost's exact method. Gradients are in fixed point (`center + quantum * k`), so that sums are exact integers in any
// order; gains are float32, as XGBoost's are.
//
// Computes   start: k of every row from prediction - target; the root's slot and node
//            search: for each slot and feature the best split: its gain, the rows above it, their sum
//            divide: for each slot the best feature; its node becomes a split with two leaves, its rows move on
//            split_lists: each slot's segments, stably, into its children's
//            finish: predictions of training and test rows += the leaf that each ends in
// Bindings   shapes stand at the variables; outputs is the number of trees grown at once
// Moves      a level: 12 bytes for each row, feature and output in search, 12 in split_lists
// Operations a level: some 25 for each row, feature and output

struct Params {
  rows: u32,
  // Rows of weight 1: the length of a list.
  listed: u32,
  features: u32,
  test_rows: u32,
  max_slots: u32,
  max_nodes: u32,
  depth: u32,
  // Least rows of a child.
  min_rows: u32,
  row_bits: u32,
  lambda: f32,
  eta: f32,
}

struct Head {
  center: f32,
  quantum: f32,
  // Of the even and of the odd levels.
  slots: array<u32, 2>,
  nodes: u32,
}

struct Slot {
  start: u32,
  count: u32,
  // Sum of k.
  sum: i32,
  node: u32,
  feature: u32,
  threshold: f32,
  // Slot of the left child in the next level, or NONE. The right child is the one after it.
  child: u32,
}

struct Candidate {
  gain: f32,
  // Rows above the threshold, and their sum of k.
  above: u32,
  sum: i32,
}

struct Node {
  // -1: a leaf.
  feature: i32,
  // Threshold or leaf value.
  value: f32,
  left: u32,
}

struct RowState {
  slot: u32,
  node: u32,
}

const NONE = 0xffffffffu;
const MIN_GAIN = 1e-6f;
const LANES = 64u;

@group(0) @binding(0) var<uniform> p: Params;
// listed x features: rows by descending value.
@group(0) @binding(1) var<storage, read> order: array<u32>;
// features x rows.
@group(0) @binding(2) var<storage, read> columns: array<f32>;
// outputs x rows.
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> prediction: array<f32>;
@group(0) @binding(5) var<storage, read_write> fixed_point: array<i32>;
@group(0) @binding(6) var<storage, read_write> row_state: array<RowState>;
// 2 x outputs x max_slots: even and odd levels.
@group(0) @binding(7) var<storage, read_write> slots: array<Slot>;
// outputs.
@group(0) @binding(8) var<storage, read_write> heads: array<Head>;
// outputs x max_slots x features.
@group(0) @binding(9) var<storage, read_write> candidates: array<Candidate>;
// outputs x listed x features: of this level and of the next one.
@group(0) @binding(10) var<storage, read_write> lists: array<u32>;
@group(0) @binding(11) var<storage, read_write> next_lists: array<u32>;
// outputs x max_nodes.
@group(0) @binding(12) var<storage, read_write> nodes: array<Node>;
// test_rows x features.
@group(0) @binding(13) var<storage, read> test_values: array<f32>;
// outputs x test_rows.
@group(0) @binding(14) var<storage, read_write> test_prediction: array<f32>;
// rows: 1 where the row has weight 1.
@group(0) @binding(15) var<storage, read> is_listed: array<u32>;

fn slot_at(parity: u32, output: u32, outputs: u32, slot: u32) -> u32 {
  return (parity * outputs + output) * p.max_slots + slot;
}

fn leaf_value(g: f32, count: u32) -> f32 {
  if (count < p.min_rows) { return 0.0; }
  return -g / (f32(count) + p.lambda) * p.eta;
}

fn gradient_sum(output: u32, count: u32, sum: i32) -> f32 {
  return f32(count) * heads[output].center + heads[output].quantum * f32(sum);
}

var<workgroup> lows: array<f32, LANES>;
var<workgroup> highs: array<f32, LANES>;
var<workgroup> sums: array<i32, LANES>;
var<workgroup> found: array<f32, LANES>;
var<workgroup> found_feature: array<u32, LANES>;
var<workgroup> slot_count: u32;

// One workgroup an output.
@compute @workgroup_size(LANES)
fn start(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) lane: u32) {
  let output = group.x;
  let base = output * p.rows;
  var low = 3.4e38f;
  var high = -3.4e38f;
  for (var row = lane; row < p.rows; row += LANES) {
    row_state[base + row] = RowState(0u, 0u);
    if (is_listed[row] == 0u) { continue; }
    let g = prediction[base + row] - targets[base + row];
    low = min(low, g);
    high = max(high, g);
  }
  lows[lane] = low;
  highs[lane] = high;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) {
    low = min(low, lows[i]);
    high = max(high, highs[i]);
  }
  let center = (low + high) * 0.5;
  // Sums over up to 2^row_bits rows stay within 31 bits.
  let largest = f32((1u << (30u - p.row_bits)) - 1u);
  let quantum = max((high - low) * 0.5 / largest, 1e-30);
  var sum = 0i;
  for (var row = lane; row < p.rows; row += LANES) {
    let g = prediction[base + row] - targets[base + row];
    let k = i32(round(clamp((g - center) / quantum, -largest, largest)));
    fixed_point[base + row] = k;
    if (is_listed[row] != 0u) { sum += k; }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane != 0u) { return; }
  for (var i = 1u; i < LANES; i++) { sum += sums[i]; }
  heads[output] = Head(center, quantum, array<u32, 2>(1u, 0u), 1u);
  slots[slot_at(0u, output, groups.x, 0u)] = Slot(0u, p.listed, sum, 0u, 0u, 0.0, NONE);
  let g = f32(p.listed) * center + quantum * f32(sum);
  nodes[output * p.max_nodes] = Node(-1, leaf_value(g, p.listed), 0u);
}

fn list_entry(output: u32, i: u32, feature: u32) -> u32 {
  if (p.depth == 0u) { return order[i * p.features + feature]; }
  return lists[(output * p.listed + i) * p.features + feature];
}

// One invocation a feature and output.
@compute @workgroup_size(LANES)
fn search(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let feature = id.x;
  let output = id.y;
  if (feature >= p.features) { return; }
  let parity = p.depth & 1u;
  let count_of_slots = heads[output].slots[parity];
  let center = heads[output].center;
  let quantum = heads[output].quantum;
  for (var s = 0u; s < count_of_slots; s++) {
    let slot = slots[slot_at(parity, output, groups.y, s)];
    let n = slot.count;
    var best = Candidate(0.0, 0u, 0);
    if (n >= 2u * p.min_rows) {
      let total = f32(n) * center + quantum * f32(slot.sum);
      let unsplit = total * total / (f32(n) + p.lambda);
      var row = list_entry(output, slot.start, feature);
      var value = columns[feature * p.rows + row];
      var sum = 0i;
      for (var j = 1u; j < n; j++) {
        sum += fixed_point[output * p.rows + row];
        let last = value;
        row = list_entry(output, slot.start + j, feature);
        value = columns[feature * p.rows + row];
        if (value == last || j < p.min_rows || n - j < p.min_rows) { continue; }
        let right = f32(j) * center + quantum * f32(sum);
        let left = f32(n - j) * center + quantum * f32(slot.sum - sum);
        let gain = left * left / (f32(n - j) + p.lambda) + right * right / (f32(j) + p.lambda) - unsplit;
        if (gain > best.gain) { best = Candidate(gain, j, sum); }
      }
    }
    candidates[(output * p.max_slots + s) * p.features + feature] = best;
  }
}

// One workgroup an output.
@compute @workgroup_size(LANES)
fn divide(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let output = group.x;
  let parity = p.depth & 1u;
  if (lane == 0u) { slot_count = heads[output].slots[parity]; }
  let count_of_slots = workgroupUniformLoad(&slot_count);
  var next = 0u;
  for (var s = 0u; s < count_of_slots; s++) {
    var gain = 0.0f;
    var feature = NONE;
    for (var f = lane; f < p.features; f += LANES) {
      let candidate = candidates[(output * p.max_slots + s) * p.features + f].gain;
      if (candidate > gain) {
        gain = candidate;
        feature = f;
      }
    }
    found[lane] = gain;
    found_feature[lane] = feature;
    workgroupBarrier();
    if (lane == 0u) {
      for (var i = 1u; i < LANES; i++) {
        if (found[i] > gain || (found[i] == gain && found_feature[i] < feature)) {
          gain = found[i];
          feature = found_feature[i];
        }
      }
      if (gain > MIN_GAIN) { next = split_slot(output, groups.x, s, feature, next); }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { heads[output].slots[1u - parity] = next; }
  storageBarrier();
  for (var row = lane; row < p.rows; row += LANES) {
    let state = row_state[output * p.rows + row];
    if (state.slot == NONE) { continue; }
    let slot = slots[slot_at(parity, output, groups.x, state.slot)];
    if (slot.child == NONE) {
      row_state[output * p.rows + row].slot = NONE;
      continue;
    }
    let left = nodes[output * p.max_nodes + slot.node].left;
    let side = select(1u, 0u, columns[slot.feature * p.rows + row] < slot.threshold);
    row_state[output * p.rows + row] = RowState(slot.child + side, left + side);
  }
}

// Make a split of a slot's node and its children the next two slots. Returns the number of slots of the next level.
fn split_slot(output: u32, outputs: u32, s: u32, feature: u32, next: u32) -> u32 {
  let parity = p.depth & 1u;
  let at = slot_at(parity, output, outputs, s);
  let slot = slots[at];
  let best = candidates[(output * p.max_slots + s) * p.features + feature];
  let column = feature * p.rows;
  let last = columns[column + list_entry(output, slot.start + best.above - 1u, feature)];
  let value = columns[column + list_entry(output, slot.start + best.above, feature)];
  let middle = (value + last) * 0.5;
  let threshold = select(middle, last, middle == value);
  slots[at].feature = feature;
  slots[at].threshold = threshold;
  slots[at].child = next;

  let left_node = heads[output].nodes;
  heads[output].nodes = left_node + 2u;
  nodes[output * p.max_nodes + slot.node] = Node(i32(feature), threshold, left_node);
  let left_count = slot.count - best.above;
  let left_sum = slot.sum - best.sum;
  let child = slot_at(1u - parity, output, outputs, next);
  slots[child] = Slot(slot.start, left_count, left_sum, left_node, 0u, 0.0, NONE);
  slots[child + 1u] = Slot(slot.start + left_count, best.above, best.sum, left_node + 1u, 0u, 0.0, NONE);
  let node = output * p.max_nodes + left_node;
  nodes[node] = Node(-1, leaf_value(gradient_sum(output, left_count, left_sum), left_count), 0u);
  nodes[node + 1u] = Node(-1, leaf_value(gradient_sum(output, best.above, best.sum), best.above), 0u);
  return next + 2u;
}

// One invocation a feature and output; `depth` is that of the parents.
@compute @workgroup_size(LANES)
fn split_lists(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let feature = id.x;
  let output = id.y;
  if (feature >= p.features) { return; }
  let parity = p.depth & 1u;
  let count_of_slots = heads[output].slots[parity];
  for (var s = 0u; s < count_of_slots; s++) {
    let slot = slots[slot_at(parity, output, groups.y, s)];
    if (slot.child == NONE) { continue; }
    var left = slot.start;
    var right = slots[slot_at(1u - parity, output, groups.y, slot.child + 1u)].start;
    for (var i = slot.start; i < slot.start + slot.count; i++) {
      let row = list_entry(output, i, feature);
      let goes_left = row_state[output * p.rows + row].slot == slot.child;
      next_lists[(output * p.listed + select(right, left, goes_left)) * p.features + feature] = row;
      if (goes_left) { left++; } else { right++; }
    }
  }
}

// One invocation a row and output: training rows first, test rows behind them.
@compute @workgroup_size(LANES)
fn finish(@builtin(global_invocation_id) id: vec3u) {
  let output = id.y;
  if (id.x < p.rows) {
    let at = output * p.rows + id.x;
    prediction[at] += nodes[output * p.max_nodes + row_state[at].node].value;
    return;
  }
  let row = id.x - p.rows;
  if (row >= p.test_rows) { return; }
  var node = nodes[output * p.max_nodes];
  while (node.feature >= 0) {
    let value = test_values[row * p.features + u32(node.feature)];
    let next = node.left + select(1u, 0u, value < node.value);
    node = nodes[output * p.max_nodes + next];
  }
  test_prediction[output * p.test_rows + row] += node.value;
}
