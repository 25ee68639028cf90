/**
 * Tensors that change what a model computes but that its plain layers do not apply: adapters, quantised weights, weights in
 * parts. A model read without them would give the vectors of another model.
 */
import { DataError } from "../cli/errors.ts";

interface Kind {
  readonly what: string;
  readonly names: RegExp;
  readonly advice: string;
}

const merge = `merge it into the weights first, with PEFT's merge_and_unload()`;

/** Names as PEFT, adapters, bitsandbytes, GPTQ, AWQ and torch.nn.utils write them. The first kind that fits is told. */
const kinds: readonly Kind[] = [
  { what: "LoRA", names: /(^|\.)lora_\w+(\.|$)/, advice: merge },
  {
    what: "IA3",
    names: /(^|\.)ia3_\w+(\.|$)/,
    advice:
      "apply it with nt_v2_ia3_regression.ts --adapter, whose --merge-to writes a folder of plain weights",
  },
  {
    what: "adapter",
    names:
      /(^|\.)((vera|hada|lokr|oft|boft|hra|vblora|fourierft|randlora|shira|road|bone|miss|c3a|poly|adalora|ln_tuning)_\w+|adapters?|\w+_adapters?|adapter_\w+|base_layer|modules_to_save|original_module)(\.|$)/,
    advice: merge,
  },
  {
    what: "prompt",
    names:
      /(^|\.)(prompt_embeddings|prompt_encoder|prefix_encoder|prefix_tuning|prompt_tuning|soft_prompt\w*)(\.|$)/,
    advice: "use a model without a learned prompt or prefix; it cannot be merged into weights",
  },
  {
    what: "quantisation",
    names:
      /(^|\.)(qweight|qzeros|scales|g_idx|SCB|weight_format|absmax|nested_absmax|quant_map|nested_quant_map|quant_state\w*|bitsandbytes__\w+|weight_scale\w*|weight_zero_point|input_scale|scale_weight|_packed_params\w*)(\.|$)/,
    advice: "save the model in float32 or float16 first",
  },
  {
    what: "reparametrisation",
    names: /(^|\.)(parametrizations|weight_g|weight_v|weight_orig|weight_mask|weight_u)(\.|$)/,
    advice:
      "fold it into plain weights first, with torch.nn.utils.parametrize.remove_parametrizations or prune.remove",
  },
];

/**
 * @param names of all tensors of a weights file, as it has them
 * @throws {DataError} naming up to five tensors that plain layers would leave out
 */
export function refuseUnappliedTensors(path: string, names: Iterable<string>): void {
  const all = [...names];
  for (const { what, names: pattern, advice } of kinds) {
    const found = all.filter((name) => pattern.test(name));
    if (found.length === 0) continue;
    const shown = found.slice(0, 5).map((name) => `"${name.length > 40 ? `...${name.slice(-37)}` : name}"`);
    throw new DataError(
      `Cannot use the weights "${path}": ${found.length} of its tensors are ${what} tensors ` +
        `(${shown.join(", ")}${found.length > 5 ? ", ..." : ""}), which plain layers leave out; ${advice}`,
    );
  }
}
