/** predict.ts in blocks of rows: the same numbers as at once, models opened once, and no prediction that is none. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import { type OpenedModel, writeSavedModel } from "../../lib/experiment/saved_model.ts";
import { openSavedModel } from "../../lib/experiment/saved_model.ts";
import { encodeNpy, readNpyMatrix } from "../../lib/io/npy.ts";
import { chooseFolds, predictBlocks, type Predicted } from "../../lib/prediction/predict.ts";
import { perturbationNames } from "../../lib/prediction/names.ts";
import { main as concat } from "../../scripts/concat_gene_tf_mlp.ts";
import { main as linear } from "../../scripts/lel_embed.ts";
import { main as mlp } from "../../scripts/hs_27_mlp_nt.ts";
import { main as predict } from "../../scripts/predict.ts";
import { captured, linesPrinted } from "../support/captured_log.ts";
import { golden } from "../support/golden.ts";
import { inFolder } from "../support/temporary_folder.ts";

const ids = Array.from({ length: 7 }, (_, i) => `TF${i}`);
const input = {
  kind: "embedding",
  values: { data: Float32Array.from({ length: 14 }, (_, i) => Math.sin(i)), rows: 7, columns: 2 },
} as const;

/** Two folds of three genes; each fold held two TFs out. */
async function savedIn(folder: string): Promise<OpenedModel> {
  const baseline = Float32Array.of(0.5, NaN, -0.25);
  const fold = (fold: number) => ({
    fold,
    test: ids.slice(2 * fold, 2 * fold + 2),
    baseline,
    tensors: new Map(),
  });
  const model = { kind: "x", genes: ["A", "B", "C"], script: "s", flags: {} };
  const reads = { kind: "embedding", model: "other", width: 2 } as const;
  await writeSavedModel((name) => join(folder, name), { ...model, input: reads }, [fold(0), fold(1)]);
  return (await captured(() => openSavedModel(folder))).result;
}

for (const heldOut of [false, true]) {
  Deno.test(`predictBlocks() gives the numbers of one block in any blocks${heldOut ? ", held out too" : ""}`, () =>
    inFolder(async (folder) => {
      const model = await savedIn(folder);
      const { result: { choices } } = await captured(() =>
        chooseFolds({ model, folds: model.folds }, ids, heldOut, perturbationNames(null))
      );
      const all = async (cells: number) => {
        let opened = 0, closed = 0;
        const run = {
          members: [{ model, choices }],
          input,
          ids,
          spread: true,
          cells,
          open: (_: OpenedModel, { fold }: { fold: number }) => {
            opened++;
            return Promise.resolve({
              baseline: Float32Array.of(fold, NaN, 1),
              predict: (_: unknown, rows: readonly number[]) => ({
                data: Float32Array.from(
                  rows.flatMap((row) => [row + fold / 3, NaN, input.values.data[2 * row]]),
                ),
                rows: rows.length,
                columns: 3,
              }),
              close: () => void closed++,
            });
          },
        };
        const blocks: Predicted[] = await Array.fromAsync(predictBlocks(run));
        assertEquals([opened, closed], [2, 2]);
        const joined = (of: keyof Predicted) => blocks.flatMap((block) => [...block[of]!.data]);
        return [joined("predictions"), joined("baseline"), joined("spread")];
      };
      const whole = await all(1000);
      assertEquals(whole[0].length, 21);
      for (const cells of [1, 7, 9]) assertEquals(await all(cells), whole);
    }));
}

const data = golden("synthetic/datasets/s")!;
const vectors = join(data, "NT-v2-50M", "NTv2_50m_tf_embeddings.npy");
const networks = ["--device", "cpu", "--hidden-dims", "8", "--epochs", "2", "--n-top-genes", "10"];
for (
  const [name, main, flags] of [
    ["concat_mlp", concat, networks],
    ["mlp_nt", mlp, networks],
    ["linear_nt_embed", linear, ["--ntv2-dir", join(data, "NT-v2-50M")]],
  ] as const
) {
  Deno.test(`predict.ts refuses embeddings that overflow in ${name}, by the perturbation's name`, () =>
    inFolder(async (folder) => {
      const output = ["--output-dir", folder, "--save-model", "--plot-format", "svg"];
      await linesPrinted(() => main(["--data-dir", data, ...flags, ...output]));
      const { columns } = await readNpyMatrix(vectors);
      const huge = { shape: [2, columns], data: new Float64Array(2 * columns).fill(0.1) };
      huge.data[columns + 1] = 1e300;
      await Deno.writeFile(join(folder, "huge.npy"), encodeNpy(huge));
      await Deno.writeTextFile(join(folder, "ids.txt"), "NEW1\nNEW2\n");
      const asked = [
        ...["--result", join(folder, name), "--output", join(folder, "p.csv"), "--device", "cpu"],
        ...["--embeddings", join(folder, "huge.npy"), "--ids", join(folder, "ids.txt")],
      ];
      await captured(() => assertRejects(() => predict(asked), DataError, "(NEW2)"));
      const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
      assert(!left.some((name) => name.includes("p.csv") || name.includes("p_baseline")), left.join());
    }));
}
