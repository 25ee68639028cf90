// Operations along a sequence of positions.
//
// Computes   rotary: halves (t1, t2) of a head -> (t1 cos - t2 sin, t2 cos + t1 sin), sin negated for the inverse;
//            masked_sum: out (batch, blocks, width + 1) = sums over a block of positions whose mask is 1, then their
//            number; masked_mean: out (batch, width) from those; masked_mean_backward: out = x / number where mask is 1
// Bindings   out, x flat windows; y and z: cos and sin (length x half), or y the mask (batch x length)
// Moves      one load and one store an element, 1 to 3 operations

struct Params {
  count: u32,
  batch: u32,
  length: u32,
  heads: u32,
  width: u32,
  block: u32,
  blocks: u32,
  first_row: u32,
  sign: f32,
  out_offset: u32,
  x_offset: u32,
  y_offset: u32,
  z_offset: u32,
}

override x_IN_out: bool = false;

@group(0) @binding(0) var<storage, read_write> out: array<TYPE_out>;
@group(0) @binding(1) var<storage, read> x: array<TYPE_x>;
@group(0) @binding(2) var<storage, read> y: array<TYPE_y>;
@group(0) @binding(3) var<storage, read> z: array<TYPE_z>;
@group(1) @binding(0) var<uniform> p: Params;

fn index_of(group: vec3u, groups: vec3u, lane: u32) -> u32 { return (group.y * groups.x + group.x) * 64u + lane; }

fn load_x(i: u32) -> f32 {
  if (x_IN_out) { return f32(out[p.out_offset + i]); }
  return f32(x[p.x_offset + i]);
}

// width is half a head here; an invocation turns one pair.
@compute @workgroup_size(64)
fn rotary(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.count) { return; }
  let row = i / (p.heads * p.width);
  let at = i / p.width * 2u * p.width + i % p.width;
  let table = (p.first_row + row) % p.length * p.width + i % p.width;
  let c = f32(y[p.y_offset + table]);
  let s = p.sign * f32(z[p.z_offset + table]);
  let first = load_x(at);
  let last = load_x(at + p.width);
  out[p.out_offset + at] = TYPE_out(first * c - last * s);
  out[p.out_offset + at + p.width] = TYPE_out(last * c + first * s);
}

@compute @workgroup_size(64)
fn masked_sum(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
              @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  let columns = p.width + 1u;
  if (i >= p.batch * p.blocks * columns) { return; }
  let column = i % columns;
  let first = i / columns % p.blocks * p.block;
  let batch = i / columns / p.blocks;
  var sum = 0.0;
  for (var t = first; t < min(p.length, first + p.block); t++) {
    let at = batch * p.length + t;
    if (f32(y[p.y_offset + at]) != 0.0) {
      if (column < p.width) { sum += load_x(at * p.width + column); } else { sum += 1.0; }
    }
  }
  out[p.out_offset + i] = TYPE_out(sum);
}

@compute @workgroup_size(64)
fn masked_mean(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
               @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.batch * p.width) { return; }
  let base = i / p.width * p.blocks * (p.width + 1u);
  var sum = 0.0;
  var count = 0.0;
  for (var b = 0u; b < p.blocks; b++) {
    sum += load_x(base + b * (p.width + 1u) + i % p.width);
    count += load_x(base + b * (p.width + 1u) + p.width);
  }
  out[p.out_offset + i] = TYPE_out(select(sum / count, 0.0, count == 0.0));
}

// z holds the number of positions whose mask is not 0, one a batch.
@compute @workgroup_size(64)
fn masked_mean_backward(@builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u,
                        @builtin(local_invocation_index) l: u32) {
  let i = index_of(g, n, l);
  if (i >= p.count) { return; }
  let at = i / p.width;
  let batch = at / p.length;
  var value = 0.0;
  if (f32(y[p.y_offset + at]) != 0.0) {
    value = f32(x[p.x_offset + batch * p.width + i % p.width]) / f32(z[p.z_offset + batch]);
  }
  out[p.out_offset + i] = TYPE_out(value);
}
