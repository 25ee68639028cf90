/** The experiment of scripts/concat_gene_tf_mlp.ts. */
import { deviceFlags, openDevice } from "../backend/device_flags.ts";
import type { Flags } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import { filesOf } from "../dataset/embeddings.ts";
import { metricColumns } from "../evaluation/metrics_table.ts";
import { checkpointFlags, experimentFlags } from "../experiment/flags.ts";
import { requireGenesMadeAsTfs } from "../experiment/gene_embeddings_check.ts";
import { fingerprint } from "../experiment/identity.ts";
import { prepareData } from "../experiment/prepare.ts";
import { openDataFolder, readRunTargets } from "../experiment/read_data.ts";
import * as inputs from "../experiment/read_inputs.ts";
import type { ResultFolder } from "../experiment/result_folder.ts";
import { type Loaded, runExperiment } from "../experiment/run_experiment.ts";
import { type Matrix, takeRows } from "../linalg/matrix.ts";
import { asFloat32, concatMlpModel } from "./concat_mlp_model.ts";
import { halfPrecision } from "./half_precision.ts";
import { mlpFlags } from "./mlp_flags.ts";
import { onDevice } from "./on_device.ts";

type PairFlags =
  & Flags<typeof mlpFlags>
  & Flags<typeof experimentFlags>
  & Flags<typeof checkpointFlags>
  & Flags<typeof deviceFlags>
  & Flags<typeof inputs.ntFlags>
  & Flags<typeof inputs.tfEmbeddingFlags>
  & Flags<typeof inputs.geneEmbeddingFlags>
  & { readonly modelName: string };

interface PairInputs {
  readonly tfs: Matrix;
  readonly genes: Matrix;
}

export async function runPairExperiment(script: string, flags: PairFlags): Promise<void> {
  await runExperiment({
    script,
    flags,
    modelName: flags.modelName,
    modelType: "Concat Gene-TF MLP",
    layout: {
      predictions: `${flags.modelName}_cv`,
      plotLabel: "Concat MLP",
      metricColumns,
      means: "flat",
      indexName: "",
    },
    checkpointSeconds: flags.checkpointSeconds,
    read: (folder) => readPairs(flags, folder),
    async model(data) {
      const { tfs, genes } = data.inputs;
      log.info(`MLP: ${[tfs.columns + genes.columns, ...flags.hiddenDims, 1].join(" -> ")}.`);
      if (!flags.strict) {
        log.info(
          "Training stops by the error on the held-out rows, as in the Python script (--strict: on training rows).",
        );
      }
      const opened = await openDevice(flags), asked = flags.given.has("mixed-precision");
      const mixedPrecision = halfPrecision(flags.mixedPrecision, opened.backend, { quietly: !asked });
      return onDevice(
        concatMlpModel(data, data.inputs, { ...flags, mixedPrecision }, opened.backend),
        opened,
      );
    },
  });
}

async function readPairs(flags: PairFlags, folder: ResultFolder): Promise<Loaded<PairInputs>> {
  const named = [flags.targets, ...flags.embeddings ?? [], flags.geneEmbeddings, flags.ntv2Dir];
  const data = await openDataFolder(flags.dataDir, named);
  const { targets, otherNames, files } = await readRunTargets(flags, data, "targets_377.csv", {
    geneIndex: false,
    prefer: "gene_id",
  });
  const tfs = await inputs.readTfEmbeddings("ntv2", flags, data);
  const genes = await inputs.readGeneEmbeddings(flags, data);
  await requireGenesMadeAsTfs(tfs, genes, flags);
  const matched = await inputs.matchTfs(targets, tfs, otherNames, "ntv2", { order: "file", exactCase: true });
  const known = inputs.matchSomeGenes(targets, genes),
    rowOf = new Map(known.columns.map((c, i) => [c, known.rows[i]]));
  const prepared = await prepareData({
    flags,
    folder,
    targets,
    rows: matched.rows,
    columns: known.columns,
    order: "the targets' file",
    otherNames,
    splitsFolder: data.artifacts,
  });
  const geneValues = takeRows(genes.values, prepared.columns.map((column) => rowOf.get(column)!));
  const pairs = { tfs: asFloat32(matched.values, tfs.path), genes: asFloat32(geneValues, genes.path) };
  const { perturbations, genes: names } = prepared.targets;
  inputs.tellShape(perturbations.length, pairs.tfs.columns, names.length);
  return {
    ...prepared,
    inputs: pairs,
    modelInput: matched.input,
    identity: {
      "TF embeddings": await fingerprint(pairs.tfs.data),
      "gene embeddings": await fingerprint(pairs.genes.data),
    },
    files: [...files, ...filesOf(tfs), ...filesOf(genes)],
    facts: { n_tfs: perturbations.length, n_genes: names.length, embedding_dim: pairs.tfs.columns },
  };
}
