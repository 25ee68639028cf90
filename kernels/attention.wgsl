// Multi-head attention with a streaming softmax, and its gradient by recomputation (Dao et al. 2022, without its
// workgroup tiles): memory stays linear in length.
//
// Computes   forward: an invocation two queries, out = softmax(scale q k') v over the keys whose mask is not 0, log_sum_exp;
//            pair: (log_sum_exp, sum of dout out) of each query;
//            backward_query: an invocation a query, dq; backward_key: an invocation a key, dk and dv
// Bindings   q, k, v, out, dout (batch, length, heads x head width) as vec4; mask (batch, length);
//            second is log_sum_exp (batch, heads, length) or dv; pairs (batch, heads, length) of vec2
// Moves      per query: its row once, every key and value row once a workgroup (all its invocations read the same
//            address, which caches broadcast); 4 head widths operations a pair forward, 14 backward
// Variants   keys four at a time, so that the running maximum is corrected once in four; forward takes two queries an
//            invocation: 1.5 times as fast as one on the software adapter, since both share each load

struct Params {
  length: u32,
  heads: u32,
  scale: f32,
  out_offset: u32,
  second_offset: u32,
  q_offset: u32,
  k_offset: u32,
  v_offset: u32,
  mask_offset: u32,
  dout_offset: u32,
  pairs_offset: u32,
}

override HAS_second: bool = true;
override HAS_mask: bool = true;

// HEAD4 is the head width in vec4; it sizes private arrays.
@group(0) @binding(0) var<storage, read_write> out: array<vec4<TYPE_out>>;
@group(0) @binding(0) var<storage, read_write> out2: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> second: array<TYPE_second>;
@group(0) @binding(1) var<storage, read_write> second4: array<vec4<TYPE_second>>;
@group(0) @binding(2) var<storage, read> q: array<vec4<TYPE_q>>;
@group(0) @binding(3) var<storage, read> k: array<vec4<TYPE_k>>;
@group(0) @binding(4) var<storage, read> v: array<vec4<TYPE_v>>;
@group(0) @binding(5) var<storage, read> mask: array<TYPE_mask>;
@group(0) @binding(6) var<storage, read> dout: array<vec4<TYPE_dout>>;
@group(0) @binding(7) var<storage, read> pairs: array<TYPE_pairs>;
@group(1) @binding(0) var<uniform> p: Params;

const lowest = -3.0e38;

// A score that is NaN or has overflowed must show in the result, but max and clamp drop NaN, and compilers may assume that
// none occurs. So it is found by its bits: those of a NaN where x is NaN or +infinity, else none.
fn broken(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(0u, 0x7fc00000u, (bits & 0x7fffffffu) >= 0x7f800000u && bits != 0xff800000u);
}

fn broken4(x: vec4f) -> u32 { return broken(x.x) | broken(x.y) | broken(x.z) | broken(x.w); }

// x >= 0, or NaN where `bits` are those of a NaN.
fn unless_broken(x: f32, bits: u32) -> f32 { return bitcast<f32>(bitcast<u32>(x) | bits); }

fn visible(batch: u32, key: u32) -> bool {
  if (key >= p.length) { return false; }
  if (HAS_mask) { return f32(mask[p.mask_offset + batch * p.length + key]) != 0.0; }
  return true;
}

// First vec4 of a position's row for one head.
fn row_of(batch: u32, head: u32, position: u32) -> u32 {
  return ((batch * p.length + min(position, p.length - 1u)) * p.heads + head) * HEAD4;
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let batch = g.y / p.heads;
  let head = g.y % p.heads;
  let first = row_of(batch, head, g.x * 128u + l);
  let second_row = row_of(batch, head, g.x * 128u + 64u + l);
  var own0: array<vec4f, HEAD4>;
  var own1: array<vec4f, HEAD4>;
  var sum0: array<vec4f, HEAD4>;
  var sum1: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    own0[c] = vec4f(q[p.q_offset / 4u + first + c]) * p.scale;
    own1[c] = vec4f(q[p.q_offset / 4u + second_row + c]) * p.scale;
    sum0[c] = vec4f();
    sum1[c] = vec4f();
  }
  var largest = vec2f(lowest);
  var total = vec2f();
  var lost = vec2u();
  let kt = p.k_offset / 4u;
  let vt = p.v_offset / 4u;
  for (var key = 0u; key < p.length; key += 4u) {
    let r0 = row_of(batch, head, key);
    let r1 = row_of(batch, head, key + 1u);
    let r2 = row_of(batch, head, key + 2u);
    let r3 = row_of(batch, head, key + 3u);
    var score0 = vec4f();
    var score1 = vec4f();
    for (var c = 0u; c < HEAD4; c++) {
      let k0 = vec4f(k[kt + r0 + c]);
      let k1 = vec4f(k[kt + r1 + c]);
      let k2 = vec4f(k[kt + r2 + c]);
      let k3 = vec4f(k[kt + r3 + c]);
      score0 += vec4f(dot(own0[c], k0), dot(own0[c], k1), dot(own0[c], k2), dot(own0[c], k3));
      score1 += vec4f(dot(own1[c], k0), dot(own1[c], k1), dot(own1[c], k2), dot(own1[c], k3));
    }
    let shown = vec4<bool>(visible(batch, key), visible(batch, key + 1u), visible(batch, key + 2u),
                           visible(batch, key + 3u));
    score0 = select(vec4f(lowest), score0, shown);
    score1 = select(vec4f(lowest), score1, shown);
    lost |= vec2u(broken4(score0), broken4(score1));
    let next = max(vec2f(max(max(score0.x, score0.y), max(score0.z, score0.w)),
                         max(max(score1.x, score1.y), max(score1.z, score1.w))), largest);
    let correction = exp(max(largest - next, vec2f(-100.0)));
    let weight0 = select(vec4f(), exp(max(score0 - next.x, vec4f(-100.0))), shown);
    let weight1 = select(vec4f(), exp(max(score1 - next.y, vec4f(-100.0))), shown);
    largest = next;
    total = fma(total, correction, vec2f(dot(weight0, vec4f(1.0)), dot(weight1, vec4f(1.0))));
    for (var c = 0u; c < HEAD4; c++) {
      let v0 = vec4f(v[vt + r0 + c]);
      let v1 = vec4f(v[vt + r1 + c]);
      let v2 = vec4f(v[vt + r2 + c]);
      let v3 = vec4f(v[vt + r3 + c]);
      sum0[c] = weighted(sum0[c] * correction.x, weight0, v0, v1, v2, v3);
      sum1[c] = weighted(sum1[c] * correction.y, weight1, v0, v1, v2, v3);
    }
  }
  total = vec2f(unless_broken(total.x, lost.x), unless_broken(total.y, lost.y));
  for (var c = 0u; c < HEAD4; c++) {
    if (g.x * 128u + l < p.length) {
      out[p.out_offset / 4u + first + c] = vec4<TYPE_out>(sum0[c] * inverse(total.x));
    }
    if (g.x * 128u + 64u + l < p.length) {
      out[p.out_offset / 4u + second_row + c] = vec4<TYPE_out>(sum1[c] * inverse(total.y));
    }
  }
  if (HAS_second) {
    store_log_sum(g.y, g.x * 128u + l, largest.x, total.x);
    store_log_sum(g.y, g.x * 128u + 64u + l, largest.y, total.y);
  }
}

fn weighted(sum: vec4f, weight: vec4f, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f) -> vec4f {
  return fma(weight.wwww, v3, fma(weight.zzzz, v2, fma(weight.yyyy, v1, fma(weight.xxxx, v0, sum))));
}

// 1 / total, and 0 where no key was visible.
fn inverse(total: f32) -> f32 { return select(1.0 / total, 0.0, total == 0.0); }

fn store_log_sum(row: u32, query: u32, largest: f32, total: f32) {
  if (query >= p.length) { return; }
  let sum = select(largest + log(max(total, 1.0e-38)), 0.0, total == 0.0);
  second[p.second_offset + row * p.length + query] = TYPE_second(select(sum, total, broken(total) != 0u));
}

// The softmax weight of a score relative to its query's log_sum_exp.
fn weight_of(x: f32) -> f32 { return unless_broken(exp(clamp(x, -100.0, 80.0)), broken(x)); }

// q holds the forward result here, pairs its log_sum_exp; out2 receives the pairs.
@compute @workgroup_size(64)
fn pair(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let query = g.x * 64u + l;
  if (query >= p.length) { return; }
  let row = row_of(g.y / p.heads, g.y % p.heads, query);
  var product = 0.0;
  for (var c = 0u; c < HEAD4; c++) {
    product += dot(vec4f(q[p.q_offset / 4u + row + c]), vec4f(dout[p.dout_offset / 4u + row + c]));
  }
  let at = g.y * p.length + query;
  out2[at] = vec2f(f32(pairs[p.pairs_offset + at]), product);
}

@compute @workgroup_size(64)
fn backward_query(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let query = g.x * 64u + l;
  let batch = g.y / p.heads;
  let head = g.y % p.heads;
  let mine = row_of(batch, head, query);
  let at = 2u * (g.y * p.length + min(query, p.length - 1u));
  let log_sum = f32(pairs[at]);
  let product = f32(pairs[at + 1u]);
  var own: array<vec4f, HEAD4>;
  var slope: array<vec4f, HEAD4>;
  var sum: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    own[c] = vec4f(q[p.q_offset / 4u + mine + c]) * p.scale;
    slope[c] = vec4f(dout[p.dout_offset / 4u + mine + c]);
    sum[c] = vec4f();
  }
  for (var key = 0u; key < p.length; key++) {
    if (!visible(batch, key)) { continue; }
    let row = row_of(batch, head, key);
    var score = 0.0;
    var gain = 0.0;
    for (var c = 0u; c < HEAD4; c++) {
      score += dot(own[c], vec4f(k[p.k_offset / 4u + row + c]));
      gain += dot(slope[c], vec4f(v[p.v_offset / 4u + row + c]));
    }
    let d = weight_of(score - log_sum) * (gain - product) * p.scale;
    for (var c = 0u; c < HEAD4; c++) { sum[c] = fma(vec4f(d), vec4f(k[p.k_offset / 4u + row + c]), sum[c]); }
  }
  if (query >= p.length) { return; }
  for (var c = 0u; c < HEAD4; c++) { out[p.out_offset / 4u + mine + c] = vec4<TYPE_out>(sum[c]); }
}

// out receives dk, second4 dv.
@compute @workgroup_size(64)
fn backward_key(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let key = g.x * 64u + l;
  let batch = g.y / p.heads;
  let head = g.y % p.heads;
  let mine = row_of(batch, head, key);
  let shown = visible(batch, key);
  var own_k: array<vec4f, HEAD4>;
  var own_v: array<vec4f, HEAD4>;
  var sum_k: array<vec4f, HEAD4>;
  var sum_v: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    own_k[c] = vec4f(k[p.k_offset / 4u + mine + c]) * p.scale;
    own_v[c] = vec4f(v[p.v_offset / 4u + mine + c]);
    sum_k[c] = vec4f();
    sum_v[c] = vec4f();
  }
  for (var query = 0u; query < p.length; query++) {
    let row = row_of(batch, head, query);
    var score = 0.0;
    var gain = 0.0;
    for (var c = 0u; c < HEAD4; c++) {
      score += dot(own_k[c], vec4f(q[p.q_offset / 4u + row + c]));
      gain += dot(own_v[c], vec4f(dout[p.dout_offset / 4u + row + c]));
    }
    let at = 2u * (g.y * p.length + query);
    let weight = select(0.0, weight_of(score - f32(pairs[at])), shown);
    let d = weight * (gain - f32(pairs[at + 1u])) * p.scale;
    for (var c = 0u; c < HEAD4; c++) {
      sum_k[c] = fma(vec4f(d), vec4f(q[p.q_offset / 4u + row + c]), sum_k[c]);
      sum_v[c] = fma(vec4f(weight), vec4f(dout[p.dout_offset / 4u + row + c]), sum_v[c]);
    }
  }
  if (key >= p.length) { return; }
  for (var c = 0u; c < HEAD4; c++) {
    out[p.out_offset / 4u + mine + c] = vec4<TYPE_out>(sum_k[c]);
    second4[p.second_offset / 4u + mine + c] = vec4<TYPE_second>(sum_v[c]);
  }
}
