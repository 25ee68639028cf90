import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { ModelConfig } from "../../lib/models/model_config.ts";
import { countParameters, trainableParametersLine } from "../../lib/models/parameter_count.ts";
import { golden, testWith } from "../support/golden.ts";

testWith(
  golden("deep/nt_tokenizer"),
  "The trainable parameters of the published 50M model and 4,912 outputs are counted as PEFT does",
  async (folder) => {
    const config = await ModelConfig.read(join(folder, "config.json"));
    assertEquals(
      trainableParametersLine(countParameters(config, 4912)),
      "trainable params: 2,831,664 || all params: 59,148,577 || trainable%: 4.7874",
    );
  },
);

testWith(
  golden("deep/nt_tiny"),
  "Counted parameters are those of the weights and the adapter",
  async (folder) => {
    const config = await ModelConfig.read(join(folder, "config.json"));
    const vectors = 3 * (64 + 64 + 64 + 64 + 128), head = 64 * 64 + 64 + 7 * 64 + 7;
    assertEquals(countParameters(config, 7).trainable, vectors + head);
  },
);
