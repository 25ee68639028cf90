// Matrix products: out = activation((alpha op(A) op(B) + bias) rowScale columnScale) [+ out], batched.
//
// Bindings   out (batch, m, n), a (batch, m, k), b (batch, k, n), each with strides of its own; bias (m or n),
//            row_scale (m), column_scale (n); b4 is b seen four elements at a time, panel up to 64 KiB of rows of a
// Parts      the inner dimension may be cut into `parts` of `k_part`, each with a result of its own at `out_part`
//            (summed by a later pass); the grid's third dimension counts batch x parts.
// Moves      per element of out: (k / tile rows + k / tile columns) loads and one store; 2 k operations
// Variants   1 plain: an element an invocation, any strides; wins where out has few columns
//            2 register_tile: 16 x 16 elements an invocation, no workgroup memory; a few rows of a at a time, packed in a
//              uniform buffer, b row-major and aligned to vec4. Software adapter: about 2.5 times as fast as 8 x 8 from storage
//              buffers, since it reads a uniform once for all invocations
//            3 tiled: 256 invocations share a square tile in workgroup memory (at most 8.3 KiB), each keeping
//              4 ROWS4 x 4 COLUMNS4 of it in registers; any strides. For real GPUs, not yet measured on one

struct Params {
  m: u32,
  n: u32,
  k: u32,
  a_row: u32,
  a_column: u32,
  a_batch: u32,
  b_row: u32,
  b_column: u32,
  b_batch: u32,
  out_row: u32,
  out_batch: u32,
  parts: u32,
  k_part: u32,
  out_part: u32,
  activation: u32,
  epilogue: u32, // bits: 1 bias a column, 2 bias a row, 4 row scale, 8 column scale, 16 accumulate
  alpha: f32,
  a_offset: u32,
  b_offset: u32,
  out_offset: u32,
  bias_offset: u32,
  row_scale_offset: u32,
  column_scale_offset: u32,
}

override A_BY_COLUMN: bool = false; // neighbouring invocations load neighbouring rows of a, not columns
override B_BY_COLUMN: bool = false;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> a: array<TYPE_a>;
@group(0) @binding(2) var<storage, read> b: array<TYPE_b>;
@group(0) @binding(2) var<storage, read> b4: array<vec4<TYPE_b>>;
@group(0) @binding(3) var<storage, read> bias: array<TYPE_bias>;
@group(0) @binding(4) var<storage, read> row_scale: array<TYPE_row_scale>;
@group(0) @binding(5) var<storage, read> column_scale: array<TYPE_column_scale>;
// Rows of a, packed to p.a_row, for register_tile.
@group(0) @binding(6) var<uniform> panel: array<vec4f, 4096>;
@group(1) @binding(0) var<uniform> p: Params;

// What the epilogue does is a parameter, not a constant: pipelines take a second to compile where many are met.
fn finish(i: u32, j: u32, base: u32, sum: f32) {
  var value = p.alpha * sum;
  if ((p.epilogue & 3u) != 0u) { value += f32(bias[p.bias_offset + select(j, i, (p.epilogue & 2u) != 0u)]); }
  if ((p.epilogue & 4u) != 0u) { value *= f32(row_scale[p.row_scale_offset + i]); }
  if ((p.epilogue & 8u) != 0u) { value *= f32(column_scale[p.column_scale_offset + j]); }
  if (p.activation != 0u) { value = activate(p.activation, value); }
  let at = base + i * p.out_row + j;
  if ((p.epilogue & 16u) != 0u) { value += f32(out[at]); }
  out[at] = TYPE_out(value);
}

// Where batch z / parts of out, a and b begin; the range of k of part z % parts.
struct Block { out: u32, a: u32, b: u32, k_begin: u32, k_end: u32 }

fn block_of(z: u32) -> Block {
  let part = z % p.parts;
  let batch = z / p.parts;
  let begin = part * p.k_part;
  return Block(p.out_offset + batch * p.out_batch + part * p.out_part, p.a_offset + batch * p.a_batch,
               p.b_offset + batch * p.b_batch, begin, min(p.k, begin + p.k_part));
}

@compute @workgroup_size(64)
fn plain(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let index = (g.y * n.x + g.x) * 64u + l;
  let block = block_of(g.z);
  if (index >= p.m * p.n) { return; }
  let i = index / p.n;
  let j = index % p.n;
  var sums = vec4f(); // four chains, for the order of a pairwise sum
  var at = block.a + i * p.a_row;
  var bt = block.b + j * p.b_column;
  var k = block.k_begin;
  for (; k + 4u <= block.k_end; k += 4u) {
    let left = vec4f(f32(a[at + k * p.a_column]), f32(a[at + (k + 1u) * p.a_column]),
                     f32(a[at + (k + 2u) * p.a_column]), f32(a[at + (k + 3u) * p.a_column]));
    let right = vec4f(f32(b[bt + k * p.b_row]), f32(b[bt + (k + 1u) * p.b_row]),
                      f32(b[bt + (k + 2u) * p.b_row]), f32(b[bt + (k + 3u) * p.b_row]));
    sums = fma(left, right, sums);
  }
  var sum = (sums.x + sums.y) + (sums.z + sums.w);
  for (; k < block.k_end; k++) { sum = fma(f32(a[at + k * p.a_column]), f32(b[bt + k * p.b_row]), sum); }
  finish(i, j, block.out, sum);
}

fn row_times(c0: vec4f, c1: vec4f, c2: vec4f, c3: vec4f, left: vec4f, sum: vec4f) -> vec4f {
  return fma(left.wwww, c3, fma(left.zzzz, c2, fma(left.yyyy, c1, fma(left.xxxx, c0, sum))));
}

fn finish4(i: u32, j: u32, base: u32, sum: vec4f) {
  let count = min(4u, p.n - min(j, p.n));
  for (var q = 0u; q < count; q++) { finish(i, j + q, base, sum[q]); }
}

// An invocation keeps 16 rows of 4 x 4 columns, `lanes` vec4 apart: r, s, t and u are their sums. Loads are what costs on
// a software adapter: each invocation's load from a storage buffer is a scalar one of its own.
// k, the strides and the offsets of panel and b are multiples of four here; there is one batch and one part.
const lanes = 8u;

@compute @workgroup_size(lanes)
fn register_tile(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                 @builtin(local_invocation_index) l: u32) {
  let across = (p.n + 16u * lanes - 1u) / (16u * lanes);
  let tile = g.y * n.x + g.x;
  let i = (tile / across) * 16u;
  if (i >= p.m) { return; }
  let j = (tile % across) * 16u * lanes + 4u * l;
  let block = block_of(g.z);
  let last = p.m - 1u;
  let row = p.a_row / 4u;
  let a_0 = min(i + 0u, last) * row; let a_1 = min(i + 1u, last) * row;
  let a_2 = min(i + 2u, last) * row; let a_3 = min(i + 3u, last) * row;
  let a_4 = min(i + 4u, last) * row; let a_5 = min(i + 5u, last) * row;
  let a_6 = min(i + 6u, last) * row; let a_7 = min(i + 7u, last) * row;
  let a_8 = min(i + 8u, last) * row; let a_9 = min(i + 9u, last) * row;
  let a_10 = min(i + 10u, last) * row; let a_11 = min(i + 11u, last) * row;
  let a_12 = min(i + 12u, last) * row; let a_13 = min(i + 13u, last) * row;
  let a_14 = min(i + 14u, last) * row; let a_15 = min(i + 15u, last) * row;
  let step = p.b_row / 4u;
  var b_k = (block.b + j) / 4u + block.k_begin * step;
  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  var r8 = vec4f(); var r9 = vec4f(); var r10 = vec4f(); var r11 = vec4f();
  var r12 = vec4f(); var r13 = vec4f(); var r14 = vec4f(); var r15 = vec4f();
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  var s8 = vec4f(); var s9 = vec4f(); var s10 = vec4f(); var s11 = vec4f();
  var s12 = vec4f(); var s13 = vec4f(); var s14 = vec4f(); var s15 = vec4f();
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  var u0 = vec4f(); var u1 = vec4f(); var u2 = vec4f(); var u3 = vec4f();
  var u4 = vec4f(); var u5 = vec4f(); var u6 = vec4f(); var u7 = vec4f();
  var u8 = vec4f(); var u9 = vec4f(); var u10 = vec4f(); var u11 = vec4f();
  var u12 = vec4f(); var u13 = vec4f(); var u14 = vec4f(); var u15 = vec4f();
  for (var k = block.k_begin / 4u; k < block.k_end / 4u; k++) {
    let l0 = panel[a_0 + k]; let l1 = panel[a_1 + k]; let l2 = panel[a_2 + k]; let l3 = panel[a_3 + k];
    let l4 = panel[a_4 + k]; let l5 = panel[a_5 + k]; let l6 = panel[a_6 + k]; let l7 = panel[a_7 + k];
    let l8 = panel[a_8 + k]; let l9 = panel[a_9 + k]; let l10 = panel[a_10 + k]; let l11 = panel[a_11 + k];
    let l12 = panel[a_12 + k]; let l13 = panel[a_13 + k]; let l14 = panel[a_14 + k]; let l15 = panel[a_15 + k];
    var b0 = vec4f(b4[b_k]);
    var b1 = vec4f(b4[b_k + step]);
    var b2 = vec4f(b4[b_k + 2u * step]);
    var b3 = vec4f(b4[b_k + 3u * step]);
    r0 = row_times(b0, b1, b2, b3, l0, r0); r1 = row_times(b0, b1, b2, b3, l1, r1);
    r2 = row_times(b0, b1, b2, b3, l2, r2); r3 = row_times(b0, b1, b2, b3, l3, r3);
    r4 = row_times(b0, b1, b2, b3, l4, r4); r5 = row_times(b0, b1, b2, b3, l5, r5);
    r6 = row_times(b0, b1, b2, b3, l6, r6); r7 = row_times(b0, b1, b2, b3, l7, r7);
    r8 = row_times(b0, b1, b2, b3, l8, r8); r9 = row_times(b0, b1, b2, b3, l9, r9);
    r10 = row_times(b0, b1, b2, b3, l10, r10); r11 = row_times(b0, b1, b2, b3, l11, r11);
    r12 = row_times(b0, b1, b2, b3, l12, r12); r13 = row_times(b0, b1, b2, b3, l13, r13);
    r14 = row_times(b0, b1, b2, b3, l14, r14); r15 = row_times(b0, b1, b2, b3, l15, r15);
    b0 = vec4f(b4[b_k + lanes]);
    b1 = vec4f(b4[b_k + step + lanes]);
    b2 = vec4f(b4[b_k + 2u * step + lanes]);
    b3 = vec4f(b4[b_k + 3u * step + lanes]);
    s0 = row_times(b0, b1, b2, b3, l0, s0); s1 = row_times(b0, b1, b2, b3, l1, s1);
    s2 = row_times(b0, b1, b2, b3, l2, s2); s3 = row_times(b0, b1, b2, b3, l3, s3);
    s4 = row_times(b0, b1, b2, b3, l4, s4); s5 = row_times(b0, b1, b2, b3, l5, s5);
    s6 = row_times(b0, b1, b2, b3, l6, s6); s7 = row_times(b0, b1, b2, b3, l7, s7);
    s8 = row_times(b0, b1, b2, b3, l8, s8); s9 = row_times(b0, b1, b2, b3, l9, s9);
    s10 = row_times(b0, b1, b2, b3, l10, s10); s11 = row_times(b0, b1, b2, b3, l11, s11);
    s12 = row_times(b0, b1, b2, b3, l12, s12); s13 = row_times(b0, b1, b2, b3, l13, s13);
    s14 = row_times(b0, b1, b2, b3, l14, s14); s15 = row_times(b0, b1, b2, b3, l15, s15);
    b0 = vec4f(b4[b_k + 2u * lanes]);
    b1 = vec4f(b4[b_k + step + 2u * lanes]);
    b2 = vec4f(b4[b_k + 2u * step + 2u * lanes]);
    b3 = vec4f(b4[b_k + 3u * step + 2u * lanes]);
    t0 = row_times(b0, b1, b2, b3, l0, t0); t1 = row_times(b0, b1, b2, b3, l1, t1);
    t2 = row_times(b0, b1, b2, b3, l2, t2); t3 = row_times(b0, b1, b2, b3, l3, t3);
    t4 = row_times(b0, b1, b2, b3, l4, t4); t5 = row_times(b0, b1, b2, b3, l5, t5);
    t6 = row_times(b0, b1, b2, b3, l6, t6); t7 = row_times(b0, b1, b2, b3, l7, t7);
    t8 = row_times(b0, b1, b2, b3, l8, t8); t9 = row_times(b0, b1, b2, b3, l9, t9);
    t10 = row_times(b0, b1, b2, b3, l10, t10); t11 = row_times(b0, b1, b2, b3, l11, t11);
    t12 = row_times(b0, b1, b2, b3, l12, t12); t13 = row_times(b0, b1, b2, b3, l13, t13);
    t14 = row_times(b0, b1, b2, b3, l14, t14); t15 = row_times(b0, b1, b2, b3, l15, t15);
    b0 = vec4f(b4[b_k + 3u * lanes]);
    b1 = vec4f(b4[b_k + step + 3u * lanes]);
    b2 = vec4f(b4[b_k + 2u * step + 3u * lanes]);
    b3 = vec4f(b4[b_k + 3u * step + 3u * lanes]);
    u0 = row_times(b0, b1, b2, b3, l0, u0); u1 = row_times(b0, b1, b2, b3, l1, u1);
    u2 = row_times(b0, b1, b2, b3, l2, u2); u3 = row_times(b0, b1, b2, b3, l3, u3);
    u4 = row_times(b0, b1, b2, b3, l4, u4); u5 = row_times(b0, b1, b2, b3, l5, u5);
    u6 = row_times(b0, b1, b2, b3, l6, u6); u7 = row_times(b0, b1, b2, b3, l7, u7);
    u8 = row_times(b0, b1, b2, b3, l8, u8); u9 = row_times(b0, b1, b2, b3, l9, u9);
    u10 = row_times(b0, b1, b2, b3, l10, u10); u11 = row_times(b0, b1, b2, b3, l11, u11);
    u12 = row_times(b0, b1, b2, b3, l12, u12); u13 = row_times(b0, b1, b2, b3, l13, u13);
    u14 = row_times(b0, b1, b2, b3, l14, u14); u15 = row_times(b0, b1, b2, b3, l15, u15);
    b_k += 4u * step;
  }
  // A loop of unknown length keeps the epilogue from being copied for each sum, which would take seconds to compile.
  var sums = array<vec4f, 64>(
    r0, s0, t0, u0, r1, s1, t1, u1,
    r2, s2, t2, u2, r3, s3, t3, u3,
    r4, s4, t4, u4, r5, s5, t5, u5,
    r6, s6, t6, u6, r7, s7, t7, u7,
    r8, s8, t8, u8, r9, s9, t9, u9,
    r10, s10, t10, u10, r11, s11, t11, u11,
    r12, s12, t12, u12, r13, s13, t13, u13,
    r14, s14, t14, u14, r15, s15, t15, u15);
  for (var e = 0u; e < 4u * min(16u, p.m - i); e++) { finish4(i + e / 4u, j + e % 4u * 4u * lanes, block.out, sums[e]); }
}

// ROWS4, COLUMNS4: groups of four rows and of four columns that an invocation keeps; the tile is 64 ROWS4 x 64 COLUMNS4,
// and TILE_K ROWS4 = 16 (so that each invocation brings four numbers of it).
// Rows of the tile are padded by one vec4, so that storing a column of A meets no bank twice.
const pitch_a = 16u * ROWS4 + 1u;
const pitch_b = 16u * COLUMNS4 + 1u;
var<workgroup> tile_a: array<vec4f, TILE_K * pitch_a>;
var<workgroup> tile_b: array<vec4f, TILE_K * pitch_b>;

// Each of the 256 invocations brings four numbers of either tile: of element l + 256 q, q = 0 to 3. The halves of its
// index are row and k, whichever way neighbouring invocations read neighbouring memory.
fn place_a(e: u32) -> vec2u {
  if (A_BY_COLUMN) { return vec2u(e % (64u * ROWS4), e / (64u * ROWS4)); }
  return vec2u(e / TILE_K, e % TILE_K);
}

fn place_b(e: u32) -> vec2u {
  if (B_BY_COLUMN) { return vec2u(e / TILE_K, e % TILE_K); }
  return vec2u(e % (64u * COLUMNS4), e / (64u * COLUMNS4));
}

fn fetch_a(block: Block, i0: u32, k0: u32, e: u32) -> f32 {
  let at = place_a(e);
  if (i0 + at.x >= p.m || k0 + at.y >= block.k_end) { return 0.0; }
  return f32(a[block.a + (i0 + at.x) * p.a_row + (k0 + at.y) * p.a_column]);
}

fn fetch_b(block: Block, j0: u32, k0: u32, e: u32) -> f32 {
  let at = place_b(e);
  if (j0 + at.x >= p.n || k0 + at.y >= block.k_end) { return 0.0; }
  return f32(b[block.b + (k0 + at.y) * p.b_row + (j0 + at.x) * p.b_column]);
}

fn fetch_a4(block: Block, i0: u32, k0: u32, l: u32) -> vec4f {
  return vec4f(fetch_a(block, i0, k0, l), fetch_a(block, i0, k0, l + 256u), fetch_a(block, i0, k0, l + 512u),
               fetch_a(block, i0, k0, l + 768u));
}

fn fetch_b4(block: Block, j0: u32, k0: u32, l: u32) -> vec4f {
  return vec4f(fetch_b(block, j0, k0, l), fetch_b(block, j0, k0, l + 256u), fetch_b(block, j0, k0, l + 512u),
               fetch_b(block, j0, k0, l + 768u));
}

fn keep_a(e: u32, value: f32) {
  let at = place_a(e);
  tile_a[at.y * pitch_a + at.x / 4u][at.x % 4u] = value;
}

fn keep_b(e: u32, value: f32) {
  let at = place_b(e);
  tile_b[at.y * pitch_b + at.x / 4u][at.x % 4u] = value;
}

@compute @workgroup_size(256)
fn tiled(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) l: u32) {
  let tile_m = 64u * ROWS4;
  let tile_n = 64u * COLUMNS4;
  let across = (p.n + tile_n - 1u) / tile_n;
  let tile = g.y * groups.x + g.x;
  let i0 = (tile / across) * tile_m;
  let j0 = (tile % across) * tile_n;
  if (i0 >= p.m) { return; }
  let block = block_of(g.z);
  let y = l / 16u;
  let x = l % 16u;
  var sums: array<vec4f, 4u * ROWS4 * COLUMNS4>;
  var next_a = fetch_a4(block, i0, block.k_begin, l);
  var next_b = fetch_b4(block, j0, block.k_begin, l);
  for (var k0 = block.k_begin; k0 < block.k_end; k0 += TILE_K) {
    keep_a(l, next_a.x);
    keep_a(l + 256u, next_a.y);
    keep_a(l + 512u, next_a.z);
    keep_a(l + 768u, next_a.w);
    keep_b(l, next_b.x);
    keep_b(l + 256u, next_b.y);
    keep_b(l + 512u, next_b.z);
    keep_b(l + 768u, next_b.w);
    workgroupBarrier();
    // The next tile is on its way while this one is multiplied; past the end these are zeros.
    next_a = fetch_a4(block, i0, k0 + TILE_K, l);
    next_b = fetch_b4(block, j0, k0 + TILE_K, l);
    for (var k = 0u; k < TILE_K; k++) {
      var right: array<vec4f, COLUMNS4>;
      for (var c = 0u; c < COLUMNS4; c++) { right[c] = tile_b[k * pitch_b + 16u * c + x]; }
      for (var r = 0u; r < ROWS4; r++) {
        let left = tile_a[k * pitch_a + 16u * r + y];
        for (var c = 0u; c < COLUMNS4; c++) {
          let s = 4u * (r * COLUMNS4 + c);
          sums[s] = fma(left.xxxx, right[c], sums[s]);
          sums[s + 1u] = fma(left.yyyy, right[c], sums[s + 1u]);
          sums[s + 2u] = fma(left.zzzz, right[c], sums[s + 2u]);
          sums[s + 3u] = fma(left.wwww, right[c], sums[s + 3u]);
        }
      }
    }
    workgroupBarrier();
  }
  // A copy, so that the sums themselves are never indexed by a variable and stay in registers.
  var rows = sums;
  for (var r = 0u; r < min(4u * ROWS4, p.m - i0); r++) {
    let i = i0 + 64u * (r / 4u) + 4u * y + r % 4u;
    if (i >= p.m) { continue; }
    for (var c = 0u; c < COLUMNS4; c++) {
      finish4(i, j0 + 64u * c + 4u * x, block.out, rows[4u * (r / 4u * COLUMNS4 + c) + r % 4u]);
    }
  }
}
