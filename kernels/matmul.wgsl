// Matrix products: out = activation((alpha op(A) op(B) + bias) rowScale columnScale) [+ out], batched.
//
// Bindings   out (batch, m, n), a (batch, m, k), b (batch, k, n), each with strides of its own; bias (m or n),
//            row_scale (m), column_scale (n). a4 and b4 are a and b seen four elements at a time.
// Parts      the inner dimension may be cut into `parts` of `k_part`, each with a result of its own at `out_part`
//            (summed by a later pass); the grid's third dimension counts batch x parts.
// Moves      per element of out: (k / tile rows + k / tile columns) loads and one store; 2 k operations
// Variants   1 plain: an element an invocation, any strides; wins where out has few columns
//            2 register: 8 x 8 elements an invocation, no workgroup memory, A read at addresses common to the whole
//              workgroup; needs a row-major and both vec4-aligned. Software adapter: 9 GFLOP/s, against 2 of variant 3
//            3 tiled: 256 invocations share a square tile in workgroup memory (at most 8.3 KiB), each keeping
//              ROWS x 4 COLUMNS4 of it in registers; any strides. For real GPUs

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
override LANES: u32 = 8u;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> a: array<TYPE_a>;
@group(0) @binding(1) var<storage, read> a4: array<vec4<TYPE_a>>;
@group(0) @binding(2) var<storage, read> b: array<TYPE_b>;
@group(0) @binding(2) var<storage, read> b4: array<vec4<TYPE_b>>;
@group(0) @binding(3) var<storage, read> bias: array<TYPE_bias>;
@group(0) @binding(4) var<storage, read> row_scale: array<TYPE_row_scale>;
@group(0) @binding(5) var<storage, read> column_scale: array<TYPE_column_scale>;
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

// k, the strides and the offsets of a and b are multiples of four here.
@compute @workgroup_size(LANES)
fn register_tile(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                 @builtin(local_invocation_index) l: u32) {
  let across = (p.n + 8u * LANES - 1u) / (8u * LANES);
  let tile = g.y * n.x + g.x;
  let i = (tile / across) * 8u;
  if (i >= p.m) { return; }
  let j = (tile % across) * 8u * LANES + 4u * l;
  let block = block_of(g.z);
  let last = p.m - 1u;
  let at = block.a / 4u;
  let row = p.a_row / 4u;
  let a0 = at + i * row;
  let a1 = at + min(i + 1u, last) * row;
  let a2 = at + min(i + 2u, last) * row;
  let a3 = at + min(i + 3u, last) * row;
  let a5 = at + min(i + 5u, last) * row;
  let a6 = at + min(i + 6u, last) * row;
  let a7 = at + min(i + 7u, last) * row;
  let a8 = at + min(i + 4u, last) * row;
  let b_step = p.b_row / 4u;
  var bt = (block.b + j) / 4u + block.k_begin * b_step;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  for (var k = block.k_begin / 4u; k < block.k_end / 4u; k++) {
    let l0 = vec4f(a4[a0 + k]); let l1 = vec4f(a4[a1 + k]); let l2 = vec4f(a4[a2 + k]); let l3 = vec4f(a4[a3 + k]);
    let l4 = vec4f(a4[a8 + k]); let l5 = vec4f(a4[a5 + k]); let l6 = vec4f(a4[a6 + k]); let l7 = vec4f(a4[a7 + k]);
    var c0 = vec4f(b4[bt]); var c1 = vec4f(b4[bt + b_step]);
    var c2 = vec4f(b4[bt + 2u * b_step]); var c3 = vec4f(b4[bt + 3u * b_step]);
    s0 = row_times(c0, c1, c2, c3, l0, s0); s1 = row_times(c0, c1, c2, c3, l1, s1);
    s2 = row_times(c0, c1, c2, c3, l2, s2); s3 = row_times(c0, c1, c2, c3, l3, s3);
    s4 = row_times(c0, c1, c2, c3, l4, s4); s5 = row_times(c0, c1, c2, c3, l5, s5);
    s6 = row_times(c0, c1, c2, c3, l6, s6); s7 = row_times(c0, c1, c2, c3, l7, s7);
    c0 = vec4f(b4[bt + LANES]); c1 = vec4f(b4[bt + b_step + LANES]);
    c2 = vec4f(b4[bt + 2u * b_step + LANES]); c3 = vec4f(b4[bt + 3u * b_step + LANES]);
    t0 = row_times(c0, c1, c2, c3, l0, t0); t1 = row_times(c0, c1, c2, c3, l1, t1);
    t2 = row_times(c0, c1, c2, c3, l2, t2); t3 = row_times(c0, c1, c2, c3, l3, t3);
    t4 = row_times(c0, c1, c2, c3, l4, t4); t5 = row_times(c0, c1, c2, c3, l5, t5);
    t6 = row_times(c0, c1, c2, c3, l6, t6); t7 = row_times(c0, c1, c2, c3, l7, t7);
    bt += 4u * b_step;
  }
  // A loop of unknown length keeps the epilogue from being copied 64 times, which would take seconds to compile.
  var rows = array<vec4f, 16>(s0, t0, s1, t1, s2, t2, s3, t3, s4, t4, s5, t5, s6, t6, s7, t7);
  for (var r = 0u; r < 2u * min(8u, p.m - i); r++) { finish4(i + r / 2u, j + r % 2u * 4u * LANES, block.out, rows[r]); }
}

// ROWS4, COLUMNS4: groups of four rows and of four columns that an invocation keeps; the tile is 64 ROWS4 x 64 COLUMNS4.
// Rows of the tile are padded by one vec4, so that storing a column of A meets no bank twice.
const pitch_a = 16u * ROWS4 + 1u;
const pitch_b = 16u * COLUMNS4 + 1u;
var<workgroup> tile_a: array<vec4f, TILE_K * pitch_a>;
var<workgroup> tile_b: array<vec4f, TILE_K * pitch_b>;

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
  for (var k0 = block.k_begin; k0 < block.k_end; k0 += TILE_K) {
    for (var e = l; e < TILE_K * tile_m; e += 256u) {
      let r = select(e / TILE_K, e % tile_m, A_BY_COLUMN);
      let k = select(e % TILE_K, e / tile_m, A_BY_COLUMN);
      var value = 0.0;
      if (i0 + r < p.m && k0 + k < block.k_end) {
        value = f32(a[block.a + (i0 + r) * p.a_row + (k0 + k) * p.a_column]);
      }
      tile_a[k * pitch_a + r / 4u][r % 4u] = value;
    }
    for (var e = l; e < TILE_K * tile_n; e += 256u) {
      let c = select(e % tile_n, e / TILE_K, B_BY_COLUMN);
      let k = select(e / tile_n, e % TILE_K, B_BY_COLUMN);
      var value = 0.0;
      if (j0 + c < p.n && k0 + k < block.k_end) {
        value = f32(b[block.b + (k0 + k) * p.b_row + (j0 + c) * p.b_column]);
      }
      tile_b[k * pitch_b + c / 4u][c % 4u] = value;
    }
    workgroupBarrier();
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
