/** Arrays one behind the other in the module's memory; laid out anew for each data set. */

let top: usize = 0;

/** Forget all arrays. */
export function startLayout(): void {
  top = (__heap_base + 15) & ~(<usize> 15);
}

/** Room for `bytes`, 16-byte aligned, behind everything so far; memory grows as needed. */
export function reserve(bytes: usize): usize {
  const at = top;
  top = (at + bytes + 15) & ~(<usize> 15);
  const have = <usize> memory.size() << 16;
  if (top > have) {
    if (memory.grow(<i32> ((top - have + 0xffff) >> 16)) < 0) unreachable();
  }
  return at;
}
