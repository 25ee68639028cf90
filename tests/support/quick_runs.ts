/** Every script with flags that make it end within a second, on the demo data and the small model of the reference numbers. */
import { join } from "@std/path";
import { golden } from "./golden.ts";
import { onnxModel } from "./onnx_model.ts";
import { repository } from "./terminal.ts";

/** A script and its flags. Run from an empty folder, since results go below the current one. */
export interface QuickRun {
  readonly script: string;
  readonly flags: string;
  /** The flag that sets threads. */
  readonly threads?: "--threads" | "--n-jobs";
}

const model = golden("deep/nt_tiny")!;
const [gene] = Deno.readTextFileSync(join(repository, "data/demo/data/artifacts/gene_index.txt")).split("\n");
const network = "--epochs 1 --hidden-dims 16 --n-top-genes 20 --device cpu";

export const quickRuns: readonly QuickRun[] = [
  { script: "hs27_lel.ts", flags: "--save-model" },
  { script: "lel_embed.ts", flags: "" },
  { script: "baselines.ts", flags: "--models nearest kernel-ridge" },
  { script: "hs27_xgboost.ts", flags: "--n-top-genes 20 --n-estimators 3", threads: "--n-jobs" },
  { script: "hs_27_mlp_nt.ts", flags: network, threads: "--threads" },
  { script: "hs_27_mlp_hyena.ts", flags: network, threads: "--threads" },
  { script: "concat_gene_tf_mlp.ts", flags: network, threads: "--threads" },
  {
    script: "nt_v2_ia3_regression.ts",
    flags: `--model '${model}' --num-epochs 1 --max-length 8 --n-folds 2 --device cpu`,
    threads: "--threads",
  },
  {
    script: "inference.ts",
    flags: `--pipeline ntv2 --model '${model}' --input in.csv --output x.npy --device cpu`,
    threads: "--threads",
  },
  {
    script: "inference.ts",
    flags: "--pipeline hyenadna --onnx lookup.onnx --input in.csv --output onnx.npy --device cpu",
    threads: "--threads",
  },
  { script: "predict.ts", flags: `--result results/linear_pca --ids ${gene}` },
  { script: "device_info.ts", flags: "--seconds 0.05", threads: "--threads" },
  { script: "make_demo_data.ts", flags: "--output-dir demo" },
];

/** Write what the runs of `inference.ts` read. */
export async function writeQuickInputs(folder: string): Promise<void> {
  const tokens = 16, width = 4;
  const model = onnxModel({
    inputs: [{ name: "input_ids", type: "int64", shape: ["batch", "length"] }],
    outputs: [{ name: "last_hidden_state", type: "float", shape: ["batch", "length", width] }],
    nodes: [{ op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] }],
    constants: [{ name: "table", shape: [tokens, width], data: new Float32Array(tokens * width).fill(0.5) }],
  });
  await Deno.writeFile(join(folder, "lookup.onnx"), model);
  await Deno.writeTextFile(
    join(folder, "in.csv"),
    "gene_id,sequence\nA,ACGTACGTACGTACGT\nB,ACGTTTTTTACGATCGATCG\n",
  );
}
