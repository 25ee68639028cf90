/** The ratios (our time over the peer's) that the project asks of itself, beside the peers of bench/peers.sh on two cores. */

interface Asked {
  readonly subject: RegExp;
  /** At most, where BLAS takes the products; also of subjects that no engine runs. */
  readonly ratio: number;
  /** At most, with our own kernels alone; null: nothing is asked. */
  readonly withoutBlas: number | null;
}

const asked: readonly Asked[] = [
  { subject: /whole process/, ratio: 0.5, withoutBlas: 0.5 },
  { subject: /^MLP, epoch/, ratio: 0.7, withoutBlas: 1 },
  { subject: /^pair network, epoch/, ratio: 0.5, withoutBlas: 0.8 },
  { subject: /^boosted trees/, ratio: 0.15, withoutBlas: 0.15 },
  { subject: /^NT-v2-50m, forward/, ratio: 0.9, withoutBlas: 1.5 },
  { subject: /^NT-v2-50m, IA3 step/, ratio: 0.7, withoutBlas: null },
  { subject: /^HyenaDNA large-1m, forward/, ratio: 0.7, withoutBlas: 1 },
  { subject: /^attention/, ratio: 1, withoutBlas: 1 },
];

/** @param engine what ran ours, null where there is but one way @returns the most that ours may take of the peer's time, null where nothing is asked */
export function askedRatio(subject: string, engine: string | null): number | null {
  const found = asked.find((one) => one.subject.test(subject));
  if (!found) return null;
  return engine === null || /products by/.test(engine) ? found.ratio : found.withoutBlas;
}
