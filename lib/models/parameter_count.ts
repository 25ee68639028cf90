/** How many parameters IA3 fine-tuning trains, counted from the configuration as PEFT counts them. */
import type { ModelConfig } from "./model_config.ts";
import { type Ia3Config, ia3Side, ntIa3Config } from "./nucleotide_transformer/ia3/config.ts";
import { ntConfig } from "./nucleotide_transformer/model.ts";

export interface ParameterCount {
  readonly trainable: number;
  /** Encoder, vectors, and the head twice: PEFT keeps the untrained original beside the copy that it trains. */
  readonly all: number;
}

/**
 * Count the parameters of the published model with a head of `outputs`. The encoder's count includes its position
 * embedding and contact head, which rotary positions leave unused.
 */
export function countParameters(
  config: ModelConfig,
  outputs: number,
  ia3: Ia3Config = ntIa3Config,
): ParameterCount {
  const { vocabularySize, width, heads, layers, intermediateWidth } = ntConfig(config);
  const modules: [name: string, outputs: number, inputs: number, hasBias: boolean][] = [
    ["attention.self.query", width, width, true],
    ["attention.self.key", width, width, true],
    ["attention.self.value", width, width, true],
    ["attention.output.dense", width, width, true],
    ["intermediate.dense", 2 * intermediateWidth, width, false],
    ["output.dense", width, intermediateWidth, false],
  ];
  const norm = 2 * width;
  let encoder = (vocabularySize + config.size("max_position_embeddings")) * width + norm + layers * heads + 1;
  let vectors = 0;
  for (let layer = 0; layer < layers; layer++) {
    encoder += 2 * norm;
    for (const [module, rows, columns, hasBias] of modules) {
      encoder += rows * columns + (hasBias ? rows : 0);
      const side = ia3Side(ia3, `esm.encoder.layer.${layer}.${module}`);
      if (side) vectors += side === "input" ? columns : rows;
    }
  }
  const head = width * width + width + outputs * width + outputs;
  return { trainable: vectors + head, all: encoder + vectors + 2 * head };
}

/** The line that PEFT's `print_trainable_parameters` prints. */
export function trainableParametersLine({ trainable, all }: ParameterCount): string {
  const grouped = (count: number) => count.toLocaleString("en-US");
  return `trainable params: ${grouped(trainable)} || all params: ${grouped(all)} || trainable%: ${
    (100 * trainable / all).toFixed(4)
  }`;
}
