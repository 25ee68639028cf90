/** Buffers and dispatches of kernels/boosting.wgsl for one batch of outputs. */
import type { PreparedData } from "./prepared_data.ts";

/** Sizes and constants of a task. */
export interface TreeShape {
  readonly rows: number;
  /** Rows of weight 1. */
  readonly listed: number;
  readonly features: number;
  readonly testRows: number;
  /** Levels of splits. */
  readonly depth: number;
  /** Most nodes of a level. */
  readonly slots: number;
  readonly minRows: number;
  readonly lambda: number;
  readonly eta: number;
}

const LANES = 64;
const SLOT_BYTES = 28, HEAD_BYTES = 20, CANDIDATE_BYTES = 12, NODE_BYTES = 12, ROW_STATE_BYTES = 8;

/** Rounds that are handed to the device at once: enough to keep it busy, few enough for a driver's time limit. */
const ROUNDS_AT_ONCE = 4;

/** Outputs of a batch at most: so many that even a large GPU is full. */
const LARGEST_BATCH = 512;

/** How many outputs the device's bindings hold at once; 0 where not even one. */
export function mostOutputs(device: GPUDevice, shape: TreeShape): number {
  const room = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const bytesOfOutput = Object.values(bytesPerOutput(shape));
  const dimension = device.limits.maxComputeWorkgroupsPerDimension;
  return Math.min(LARGEST_BATCH, dimension, ...bytesOfOutput.map((bytes) => Math.floor(room / bytes)));
}

function bytesPerOutput({ rows, listed, features, testRows, slots }: TreeShape) {
  return {
    targets: rows * 4,
    prediction: rows * 4,
    fixedPoint: rows * 4,
    rowState: rows * ROW_STATE_BYTES,
    slots: 2 * slots * SLOT_BYTES,
    heads: HEAD_BYTES,
    candidates: slots * features * CANDIDATE_BYTES,
    lists: Math.max(1, listed) * features * 4,
    nextLists: Math.max(1, listed) * features * 4,
    nodes: nodesOf(slots) * NODE_BYTES,
    testPrediction: Math.max(1, testRows) * 4,
  };
}

/** Nodes of a tree whose last level has at most `leaves`: that many leaves, one split fewer. */
function nodesOf(leaves: number): number {
  return 2 * leaves;
}

type BufferName = keyof ReturnType<typeof bytesPerOutput> | "order" | "columns" | "testValues" | "isListed";

/** Binding numbers of kernels/boosting.wgsl. */
const bindings: Record<BufferName, number> = {
  order: 1,
  columns: 2,
  targets: 3,
  prediction: 4,
  fixedPoint: 5,
  rowState: 6,
  slots: 7,
  heads: 8,
  candidates: 9,
  lists: 10,
  nextLists: 11,
  nodes: 12,
  testValues: 13,
  testPrediction: 14,
  isListed: 15,
};

/** What each entry point binds. */
const used = {
  start: ["targets", "prediction", "fixedPoint", "rowState", "slots", "heads", "nodes", "isListed"],
  search: ["order", "columns", "fixedPoint", "slots", "heads", "candidates", "lists"],
  divide: ["order", "columns", "rowState", "slots", "heads", "candidates", "lists", "nodes"],
  split_lists: ["order", "rowState", "slots", "heads", "lists", "nextLists"],
  finish: ["prediction", "rowState", "nodes", "testValues", "testPrediction"],
} as const satisfies Record<string, readonly BufferName[]>;

type Entry = keyof typeof used;

export class GrowingBatch {
  readonly #device: GPUDevice;
  readonly #shape: TreeShape;
  readonly #outputs: number;
  readonly #buffers = new Map<BufferName, GPUBuffer>();
  /** One a depth. */
  readonly #parameters: GPUBuffer[] = [];
  readonly #pipelines = new Map<Entry, GPUComputePipeline>();

  /**
   * @param targets outputs x rows
   * @param baseScores one an output
   */
  constructor(
    device: GPUDevice,
    module: GPUShaderModule,
    shape: TreeShape,
    data: PreparedData,
    targets: Float32Array<ArrayBuffer>,
    baseScores: Float32Array,
  ) {
    this.#device = device;
    this.#shape = shape;
    this.#outputs = baseScores.length;
    for (const entryPoint of Object.keys(used) as Entry[]) {
      const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint } });
      this.#pipelines.set(entryPoint, pipeline);
    }
    for (const [name, bytes] of Object.entries(bytesPerOutput(shape)) as [BufferName, number][]) {
      this.#buffers.set(name, this.#storage(bytes * this.#outputs));
    }
    this.#fill("targets", targets);
    this.#fill("prediction", repeated(baseScores, shape.rows));
    this.#fill("testPrediction", repeated(baseScores, shape.testRows));
    this.#add("order", descendingOrder(data, shape.listed));
    this.#add("columns", data.columns as Float32Array<ArrayBuffer>);
    this.#add("testValues", data.test as Float32Array<ArrayBuffer>);
    this.#add("isListed", Uint32Array.from(data.weights));
    for (let depth = 0; depth < shape.depth; depth++) this.#parameters.push(this.#uniform(depth));
  }

  /** Grow a tree of every output, `rounds` times. */
  async grow(rounds: number): Promise<void> {
    const { depth } = this.#shape;
    const across = Math.ceil(this.#shape.features / LANES);
    const rowsAcross = Math.ceil((this.#shape.rows + this.#shape.testRows) / LANES);
    const groups = this.#bindGroups();
    for (let round = 0; round < rounds;) {
      const encoder = this.#device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      const dispatch = (entry: Entry, level: number, x: number, y: number) => {
        pass.setPipeline(this.#pipelines.get(entry)!);
        pass.setBindGroup(0, groups.get(entry)![level]);
        pass.dispatchWorkgroups(x, y);
      };
      const last = Math.min(rounds, round + ROUNDS_AT_ONCE);
      for (; round < last; round++) {
        dispatch("start", 0, this.#outputs, 1);
        for (let level = 0; level < depth; level++) {
          dispatch("search", level, across, this.#outputs);
          dispatch("divide", level, this.#outputs, 1);
          if (level + 1 < depth) dispatch("split_lists", level, across, this.#outputs);
        }
        dispatch("finish", 0, rowsAcross, this.#outputs);
      }
      pass.end();
      this.#device.queue.submit([encoder.finish()]);
      await this.#device.queue.onSubmittedWorkDone();
    }
  }

  /** Outputs x test rows. */
  async readTestPredictions(): Promise<Float32Array> {
    const source = this.#buffers.get("testPrediction")!;
    const copy = this.#device.createBuffer({
      size: source.size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, copy, 0, source.size);
    this.#device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    return values;
  }

  destroy(): void {
    for (const buffer of [...this.#buffers.values(), ...this.#parameters]) buffer.destroy();
  }

  /** For each entry point one a depth; lists change places from level to level. */
  #bindGroups(): Map<Entry, GPUBindGroup[]> {
    const groups = new Map<Entry, GPUBindGroup[]>();
    for (const [entry, names] of Object.entries(used) as [Entry, readonly BufferName[]][]) {
      const layout = this.#pipelines.get(entry)!.getBindGroupLayout(0);
      groups.set(
        entry,
        this.#parameters.map((uniform, depth) =>
          this.#device.createBindGroup({
            layout,
            entries: [
              { binding: 0, resource: { buffer: uniform } },
              ...names.map((name) => ({
                binding: bindings[name],
                resource: { buffer: this.#buffers.get(depth % 2 === 1 ? swapped(name) : name)! },
              })),
            ],
          })
        ),
      );
    }
    return groups;
  }

  #uniform(depth: number): GPUBuffer {
    const s = this.#shape;
    const words = new Uint32Array(12), floats = new Float32Array(words.buffer);
    const rowBits = 32 - Math.clz32(Math.max(1, s.rows - 1));
    words.set([
      s.rows,
      s.listed,
      s.features,
      s.testRows,
      s.slots,
      nodesOf(s.slots),
      depth,
      s.minRows,
      rowBits,
    ]);
    floats.set([s.lambda, s.eta], 9);
    const buffer = this.#device.createBuffer({
      size: words.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #storage(bytes: number): GPUBuffer {
    return this.#device.createBuffer({
      size: Math.max(16, Math.ceil(bytes / 4) * 4),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  }

  #add(name: BufferName, values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#buffers.set(name, this.#storage(values.byteLength));
    this.#fill(name, values);
  }

  #fill(name: BufferName, values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    if (values.length > 0) this.#device.queue.writeBuffer(this.#buffers.get(name)!, 0, values);
  }
}

function swapped(name: BufferName): BufferName {
  return name === "lists" ? "nextLists" : name === "nextLists" ? "lists" : name;
}

function repeated(values: Float32Array, times: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: values.length * times }, (_, i) => values[Math.floor(i / times)]);
}

/** Listed x features: rows of weight 1 by descending value, as the CPU's search meets them. */
function descendingOrder(data: PreparedData, listed: number): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(Math.max(1, listed * data.features));
  for (let feature = 0; feature < data.features; feature++) {
    let i = 0;
    for (let at = data.rows - 1; at >= 0; at--) {
      const row = data.order[feature * data.rows + at];
      if (data.weights[row] !== 0) order[i++ * data.features + feature] = row;
    }
  }
  return order;
}
