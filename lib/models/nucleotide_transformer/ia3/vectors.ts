/**
 * Nucleotide Transformer with IA3 (Liu et al. 2022) and a regression head: vectors that scale what goes into or comes
 * out of the encoder's linear modules, trained with the head while everything else is frozen.
 *
 *     const model = Ia3Regressor.untrained(encoder, genes, stream);
 *     const loss = scope(() => maskedSquaredError(model.forward(batch), targets));
 */
import type { Backend } from "../../../backend/backend.ts";
import { DataError } from "../../../cli/errors.ts";
import type { ModelStream } from "../../../random/model_stream.ts";
import { Linear, type Parameters } from "../../../nn/layers.ts";
import { cast, multiply, parameter, reshape, scope, type Tensor } from "../../../tensor/mod.ts";
import { type Ia3Config, ia3Side, ntIa3Config } from "./config.ts";
import type { ModuleHook, NtBatch, NtForwardOptions, NucleotideTransformer } from "../model.ts";
import type { Adapter, AdapterTensor } from "../../peft_adapter.ts";

/** Standard deviation of the head's starting weights: `initializer_range` of the published configuration. */
const headDeviation = 0.02;

export class Ia3Regressor {
  readonly encoder: NucleotideTransformer;
  readonly config: Ia3Config;
  readonly #vectors: ReadonlyMap<string, Tensor>;
  readonly #dense: Linear;
  readonly #output: Linear;

  private constructor(
    encoder: NucleotideTransformer,
    config: Ia3Config,
    vectors: ReadonlyMap<string, Tensor>,
    dense: Linear,
    output: Linear,
  ) {
    this.encoder = encoder;
    this.config = config;
    this.#vectors = vectors;
    this.#dense = dense;
    this.#output = output;
  }

  /** Vectors of ones, a random head: normal weights, zero biases. The encoder stays the caller's. */
  static untrained(
    encoder: NucleotideTransformer,
    outputs: number,
    stream: ModelStream,
    config: Ia3Config = ntIa3Config,
  ): Ia3Regressor {
    const { backend, config: { width } } = encoder;
    const vectors = new Map<string, Tensor>();
    for (const [module, shape] of vectorShapes(encoder, config)) {
      const ones = new Float32Array(shape[0] * shape[1]).fill(1);
      vectors.set(module, parameter(backend, ones, shape));
    }
    const layer = (rows: number) =>
      new Linear(
        parameter(backend, stream.fillNormal(new Float32Array(rows * width), 0, headDeviation), [
          rows,
          width,
        ]),
        parameter(backend, new Float32Array(rows), [rows]),
      );
    return new Ia3Regressor(encoder, config, vectors, layer(width), layer(outputs));
  }

  /** @throws {DataError} when the adapter does not fit the encoder */
  static fromAdapter(encoder: NucleotideTransformer, { config, vectors, head }: Adapter): Ia3Regressor {
    const { backend, config: { width } } = encoder;
    const load = (name: string, tensor: AdapterTensor | undefined, shape: readonly number[]) => {
      if (!tensor) throw new DataError(`Cannot use the adapter: tensor "${name}" is missing`);
      if (tensor.shape.join() !== shape.join()) {
        throw new DataError(
          `Cannot use the adapter: tensor "${name}" has shape (${tensor.shape.join(", ")}), ` +
            `this model needs (${shape.join(", ")})`,
        );
      }
      return parameter(backend, tensor.data, shape);
    };
    const shapes = vectorShapes(encoder, config);
    for (const module of vectors.keys()) {
      if (!shapes.has(module)) {
        throw new DataError(
          `Cannot use the adapter: the model has no module "${module}" that it could scale`,
        );
      }
    }
    const loaded = new Map(
      [...shapes].map(([module, shape]) => [module, load(`${module}.ia3_l`, vectors.get(module), shape)]),
    );
    const outputs = head.get("out_proj.bias")?.shape[0] ?? 0;
    const layer = (name: string, rows: number) =>
      new Linear(
        load(`classifier.${name}.weight`, head.get(`${name}.weight`), [rows, width]),
        load(`classifier.${name}.bias`, head.get(`${name}.bias`), [rows]),
      );
    return new Ia3Regressor(encoder, config, loaded, layer("dense", width), layer("out_proj", outputs));
  }

  get backend(): Backend {
    return this.encoder.backend;
  }

  /** Number of values predicted for a sequence. */
  get outputs(): number {
    return this.#output.weight.shape[0];
  }

  /** Predictions of a batch: batch x outputs. The head reads the first token's hidden state. */
  forward(batch: NtBatch, options: Pick<NtForwardOptions, "checkpointLayers"> = {}): Tensor {
    return scope(() => {
      const hidden = this.encoder.forward(batch, { ...options, hook: this.#hook, firstTokenOnly: true });
      const first = reshape(hidden, [hidden.shape[0], hidden.columns]);
      const logits = this.#output.forward(this.#dense.forward(first, { activation: "tanh" }));
      return cast(logits, "f32");
    });
  }

  /** Everything that is trained: vectors by module, then "classifier.dense.weight" and so on. */
  parameters(): Parameters {
    const all = new Map(this.#vectors);
    for (const [name, layer] of [["dense", this.#dense], ["out_proj", this.#output]] as const) {
      for (const [part, tensor] of layer.parameters()) all.set(`classifier.${name}.${part}`, tensor);
    }
    return all;
  }

  /** What was trained, as PEFT stores it. @param baseModel hub id or folder of the encoder's weights */
  async adapter(baseModel: string | null): Promise<Adapter> {
    const vectors = new Map<string, AdapterTensor>(), head = new Map<string, AdapterTensor>();
    for (const [name, tensor] of this.parameters()) {
      const stored = { shape: tensor.shape, data: await tensor.read() };
      if (name.startsWith("classifier.")) head.set(name.slice("classifier.".length), stored);
      else vectors.set(name, stored);
    }
    return { config: { ...this.config, baseModel }, vectors, head };
  }

  /** Free what was trained. */
  dispose(): void {
    for (const tensor of this.parameters().values()) tensor.dispose();
  }

  readonly #hook: ModuleHook = {
    input: (module, x) => this.#isInput(module) ? this.#scaled(module, x) : x,
    output: (module, y) => this.#vectors.has(module) && !this.#isInput(module) ? this.#scaled(module, y) : y,
  };

  #isInput(module: string): boolean {
    return this.#vectors.has(module) && ia3Side(this.config, module) === "input";
  }

  #scaled(module: string, x: Tensor): Tensor {
    const vector = this.#vectors.get(module)!;
    return multiply(x, reshape(cast(vector, x.dtype), [vector.size]));
  }
}

/** The vectors that a configuration puts on an encoder, in the order of its modules, with PEFT's shapes. */
function vectorShapes(encoder: NucleotideTransformer, config: Ia3Config): Map<string, [number, number]> {
  const shapes = new Map<string, [number, number]>();
  for (const [name, { shape }] of encoder.parameters) {
    const module = name.replace(/\.weight$/, "");
    const side = shape.length === 2 && name.endsWith(".weight") ? ia3Side(config, module) : null;
    if (side) shapes.set(module, side === "input" ? [1, shape[1]] : [shape[0], 1]);
  }
  if (shapes.size === 0) {
    throw new DataError("Cannot use the adapter: its target_modules name no module of this model");
  }
  return shapes;
}
