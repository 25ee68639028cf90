/** The saved models that predict together: all folds of one result, or of several, such as one model with other seeds. */
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import type { ModelFamily } from "../experiment/model.ts";
import { type OpenedModel, openSavedModel } from "../experiment/saved_model.ts";
import type { SavedFold } from "../experiment/saved_model_json.ts";
import { familyOf } from "../models/registry.ts";
import { foldsOf } from "./predict.ts";

/** A result whose models predict. */
export interface Member {
  readonly model: OpenedModel;
  readonly family: ModelFamily;
  readonly folds: readonly SavedFold[];
}

/**
 * Open the models of result folders.
 *
 * @throws {UsageError} when a folder comes twice, or a fold is asked for that is not there
 * @throws {DataError} when a folder holds no model, or one of another kind, of other genes, or of another input than the first
 */
export async function openMembers(
  results: readonly string[],
  flags: { fold: readonly number[]; modelCode: string | null },
): Promise<Member[]> {
  const members: Member[] = [], places = new Set<string>();
  for (const result of results) {
    const model = await openSavedModel(result), place = await Deno.realPath(result);
    const twin = members.find((member) =>
      member.model.manifest !== null && member.model.manifest.run_id === model.manifest?.run_id
    );
    if (places.has(place) || twin) {
      throw new UsageError(
        `Cannot use --result "${result}" twice: each result has one say` +
          (twin && !places.has(place) ? `, and it is the run of "${twin.model.resultFolder}" again` : ""),
      );
    }
    places.add(place);
    if (members.length > 0) refuseOther(members[0].model, model);
    const family = members[0]?.family ?? await familyOf(model.kind, flags.modelCode);
    members.push({ model, family, folds: foldsOf(model, flags.fold) });
  }
  return members;
}

function refuseOther(first: OpenedModel, other: OpenedModel): void {
  const fail = (what: string) =>
    new DataError(
      `Cannot predict with "${first.resultFolder}" and "${other.resultFolder}" together: ${what} ` +
        `(results of one model and one set of targets are needed, such as runs with other seeds)`,
    );
  if (other.kind !== first.kind) {
    throw fail(`they hold models of the kinds "${first.kind}" and "${other.kind}"`);
  }
  if (first.genes.length !== other.genes.length) {
    throw fail(`they predict ${first.genes.length} and ${other.genes.length} genes`);
  }
  const at = first.genes.findIndex((gene, i) => gene !== other.genes[i]);
  if (at >= 0) {
    throw fail(
      `gene ${at} is "${shortId(first.genes[at])}" in one and "${shortId(other.genes[at])}" in the other`,
    );
  }
  if (JSON.stringify(first.input) !== JSON.stringify(other.input)) throw fail("they read other inputs");
  if (first.type !== other.type) {
    throw fail(`one is of the type "${first.type ?? "?"}", the other "${other.type ?? "?"}"`);
  }
  const [data, others] = [first, other].map(({ manifest }) => manifest?.data_id);
  if (data !== undefined && others !== undefined && data !== others) {
    throw fail("they were trained on other targets");
  }
  const settings = otherSettings(first.flags, other.flags);
  if (settings.length > 0) {
    log.warn(
      `"${first.resultFolder}" and "${other.resultFolder}" were trained with other settings: ${
        settings.join(", ")
      }.`,
    );
  }
}

/** Flags that say how a model learns, and differ; places, seeds and what concerns the output are left out. */
function otherSettings(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => !ownToRun.has(name) && JSON.stringify(a[name]) !== JSON.stringify(b[name]))
    .map((name) =>
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${a[name]} and ${b[name]}`
    );
}

const ownToRun: ReadonlySet<string> = new Set([
  ...[
    "seed",
    "given",
    "debug",
    "help",
    "json",
    "progress",
    "resume",
    "merge",
    "folds",
    "genes",
    "cvSplitsFile",
  ],
  ...["outputDir", "modelName", "plotFormat", "plotLimits", "predictionsFormat", "bootstrap", "saveModel"],
  ...["dataDir", "targets", "targetsIdCol", "embeddings", "ids", "tfSeqCsv", "geneEmbeddings", "geneIds"],
  ...["ntv2Dir", "hyenaDir", "sequences", "model", "device", "threads", "blas", "profile", "nJobs"],
  ...[
    "checkpointSeconds",
    "checkpointSteps",
    "mergeTo",
    "microBatchSize",
    "memoryGb",
    "checkpointActivations",
  ],
]);
