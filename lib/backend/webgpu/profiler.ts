/**
 * Time a kernel family: by timestamp queries around each dispatch, or by the wall time of one submission a dispatch
 * where the device has none.
 */
const capacity = 1024;

export class Profiler {
  readonly #totals = new Map<string, { calls: number; ms: number }>();
  readonly #queries: GPUQuerySet | null;
  readonly #resolved: GPUBuffer | null;
  #families: string[] = [];
  #readBack: GPUBuffer | null = null;
  #waiting: Promise<void> = Promise.resolve();
  #lastDone = 0;

  constructor(readonly device: GPUDevice) {
    const exact = device.features.has("timestamp-query");
    this.#queries = exact ? device.createQuerySet({ type: "timestamp", count: 2 * capacity }) : null;
    this.#resolved = exact
      ? device.createBuffer({
        size: 16 * capacity,
        usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      })
      : null;
  }

  /** Without timestamps every dispatch must be a submission of its own. */
  get wantsSubmission(): boolean {
    return !this.#queries || this.#families.length === capacity;
  }

  /** Descriptor of the pass that holds the next dispatch. */
  begin(family: string): GPUComputePassDescriptor | undefined {
    const index = this.#families.push(family) - 1;
    if (!this.#queries) return undefined;
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: 2 * index,
        endOfPassWriteIndex: 2 * index + 1,
      },
    };
  }

  /** Called before the commands are submitted. */
  resolve(encoder: GPUCommandEncoder): void {
    const count = this.#families.length;
    if (!this.#queries || count === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, 2 * count, this.#resolved!, 0);
    this.#readBack = this.device.createBuffer({
      size: 16 * count,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.copyBufferToBuffer(this.#resolved!, 0, this.#readBack, 0, 16 * count);
  }

  /** Called after the commands were submitted. */
  submitted(): void {
    const families = this.#families;
    this.#families = [];
    if (families.length === 0) return;
    if (this.#queries) {
      const buffer = this.#readBack!;
      const mapped = buffer.mapAsync(GPUMapMode.READ).then(() => {
        const nanoseconds = new BigUint64Array(buffer.getMappedRange());
        families.forEach((family, i) =>
          this.#add(family, Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6)
        );
        buffer.destroy();
      }, () => {/* the device is lost, which is reported where it is noticed */});
      this.#waiting = Promise.all([this.#waiting, mapped]).then(() => {});
    } else {
      const started = performance.now();
      const done = this.device.queue.onSubmittedWorkDone().then(() => {
        const now = performance.now();
        families.forEach((family) =>
          this.#add(family, (now - Math.max(started, this.#lastDone)) / families.length)
        );
        this.#lastDone = now;
      });
      this.#waiting = Promise.all([this.#waiting, done]).then(() => {});
    }
  }

  /** Totals of all that was submitted. */
  async totals(): Promise<Map<string, { calls: number; ms: number }>> {
    await this.#waiting;
    return new Map(this.#totals);
  }

  #add(family: string, ms: number): void {
    const total = this.#totals.get(family) ?? { calls: 0, ms: 0 };
    this.#totals.set(family, { calls: total.calls + 1, ms: total.ms + ms });
  }
}
