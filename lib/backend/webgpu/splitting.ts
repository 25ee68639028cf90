/** How work is cut to fit a device. */

/** [start, count] pieces of `total`, at most `most` each. */
export function* pieces(total: number, most: number): Generator<[start: number, count: number]> {
  for (let start = 0; start < total; start += most) yield [start, Math.min(most, total - start)];
}

/** Workgroups of `size` invocations for `count` of them, within 65,535 a dimension. */
export function grid(count: number, size: number): [number, number, number] {
  const groups = Math.ceil(count / size);
  if (groups <= 65535) return [groups, 1, 1];
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y, 1];
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
