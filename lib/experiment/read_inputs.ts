/** Embeddings of perturbations and genes for the models that learn from them. */
import { resolve } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import {
  type Embeddings,
  readEmbeddings,
  readHyenaEmbeddings,
  readNtEmbeddings,
} from "../dataset/embeddings.ts";
import { joinEmbeddings, readJoinedEmbeddings } from "../dataset/joined_embeddings.ts";
import { sortedOrder } from "../dataset/ids.ts";
import { matchedRows, matchIds, reportMatches, requireAll } from "../dataset/matching.ts";
import type { Targets } from "../dataset/targets.ts";
import { takeRows } from "../linalg/matrix.ts";
import { decidingPart, type EmbeddingRecord } from "../embedding/record.ts";
import { fingerprint } from "./identity.ts";
import { recordBeside } from "./gene_embeddings_check.ts";
import type { DataFolder } from "./read_data.ts";
import { embeddingModels, type EmbeddingPart, type ModelInput } from "./saved_model_json.ts";

/** Embeddings of TFs from a file of one's own. */
export const tfEmbeddingFlags = {
  "embeddings": {
    default: null,
    type: "texts",
    value: "FILE ...",
    group: "Data",
    shownDefault: "of the data folder",
    help:
      "embeddings of TFs, a row each: .npy, or a table whose first column is the id; several are put side by side",
  },
  "ids": {
    default: null,
    type: "texts",
    value: "FILE ...",
    group: "Data",
    shownDefault: "beside --embeddings",
    help: "ids of the rows of --embeddings, a file for each",
  },
} as const satisfies FlagDeclarations;

/** Embeddings of read-out genes from a file of one's own. */
export const geneEmbeddingFlags = {
  "gene-embeddings": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "of the data folder",
    help: "embeddings of read-out genes, a row each",
  },
  "gene-ids": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "beside --gene-embeddings",
    help: "ids of the rows of --gene-embeddings",
  },
  "force": {
    default: false,
    group: "Data",
    help: "go on where the embeddings of genes were made in another way than those of TFs",
  },
} as const satisfies FlagDeclarations;

export const ntFlags = {
  "ntv2-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Data",
    shownDefault: "NT-v2-50M (or another size) of the data folder",
    help: "folder of NTv2_<size>_{tf,gene}_embeddings.npy and their ids",
  },
  "ntv2-size": {
    default: null,
    type: "text",
    value: "SIZE",
    group: "Data",
    shownDefault: "the one that is there",
    help: "which of several sizes, such as 500m",
  },
} as const satisfies FlagDeclarations;

export const hyenaFlags = {
  "hyena-dir": {
    default: null,
    type: "text",
    value: "DIR",
    group: "Data",
    shownDefault: "HyenaDNA_outputs of the data folder",
    help: "folder of hyenadna_tf_embeddings_mean.npy and hyenadna_tf_gene_index.txt",
  },
} as const satisfies FlagDeclarations;

/** Whose embeddings a data folder is asked for; of "both" those of a TF stand side by side. */
export type Pipeline = "ntv2" | "hyenadna" | "both";

/** Embeddings of the files that are named, else of the folder by `pipeline`. */
export async function readTfEmbeddings(
  pipeline: Pipeline,
  flags: {
    embeddings: readonly string[] | null;
    ids: readonly string[] | null;
    ntv2Dir?: string | null;
    ntv2Size?: string | null;
    hyenaDir?: string | null;
  },
  folder: DataFolder,
  options?: { allowMissing: boolean },
): Promise<Embeddings> {
  if (flags.ids !== null && flags.embeddings === null) {
    throw new UsageError("Cannot use --ids without --embeddings: it names the rows of those files");
  }
  if (flags.embeddings !== null) return await readJoinedEmbeddings(flags.embeddings, flags.ids, options);
  if (pipeline === "both") {
    const [nt, hyena] = ["ntv2", "hyenadna"] as const;
    return joinEmbeddings([
      await readTfEmbeddings(nt, flags, folder, options),
      await readTfEmbeddings(hyena, flags, folder, options),
    ]);
  }
  if (pipeline === "ntv2") {
    return await readNtEmbeddings(
      await ntPlaces(flags.ntv2Dir, folder),
      "tf",
      flags.ntv2Size,
    );
  }
  return await readHyenaEmbeddings(await placeOf(flags.hyenaDir, folder) ?? folder.hyenaFolder, options);
}

export async function readGeneEmbeddings(
  flags: {
    geneEmbeddings: string | null;
    geneIds: string | null;
    ntv2Dir: string | null;
    ntv2Size: string | null;
  },
  folder: DataFolder,
): Promise<Embeddings> {
  if (flags.geneEmbeddings !== null) return await readEmbeddings(flags.geneEmbeddings, flags.geneIds);
  return await readNtEmbeddings(
    await ntPlaces(flags.ntv2Dir, folder),
    "gene",
    flags.ntv2Size,
  );
}

async function ntPlaces(
  named: string | null | undefined,
  folder: DataFolder,
): Promise<readonly string[]> {
  const place = await placeOf(named, folder);
  return place === null ? folder.ntFolders : [place];
}

/** A folder as it is named, else under the data folder or its parent; null where none is named. */
async function placeOf(named: string | null | undefined, { root }: DataFolder): Promise<string | null> {
  if (named === null || named === undefined) return null;
  for (const path of [named, resolve(root, named), resolve(root, "..", named)]) {
    if ((await Deno.stat(path).catch(() => null))?.isDirectory) return path;
  }
  return named;
}

export interface MatchedTfs {
  /** Rows of the targets that have an embedding, in the order of the run, and the embedding of each. */
  readonly rows: number[];
  readonly values: Embeddings["values"];
  /** Perturbations without an embedding. */
  readonly unmatched: string[];
  readonly input: ModelInput;
  readonly identity: Readonly<Record<string, string>>;
}

/**
 * @param options.order "sorted" by id, as the Python scripts for trees and MLPs did, or as in the "file"
 * @param options.exactCase as the Python scripts with HyenaDNA embeddings and that of pairs matched
 */
export async function matchTfs(
  targets: Targets,
  embeddings: Embeddings,
  otherNames: (id: string) => readonly string[],
  pipeline: Pipeline,
  { order, exactCase = false }: { order: "sorted" | "file"; exactCase?: boolean },
): Promise<MatchedTfs> {
  const wanted = { ids: targets.perturbations, what: "perturbation", path: targets.path, otherNames };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const match = matchIds(wanted, known, { anyCase: !exactCase });
  reportMatches(match, wanted, known, "left out: they have no embedding");
  const { wanted: found } = matchedRows(match);
  const rows = order === "file"
    ? found
    : sortedOrder(found.map((row) => targets.perturbations[row])).map((place) => found[place]);
  const values = takeRows(embeddings.values, rows.map((row) => match.rows[row]));
  const parts = await Promise.all(
    (embeddings.parts ?? [{ path: embeddings.path, width: values.columns }]).map(partOf),
  );
  const [{ record }] = parts;
  // A script takes the embeddings of any model; which it was the record knows best.
  const recorded = embeddingModels.find((model) =>
    model === (record as EmbeddingRecord | undefined)?.pipeline
  );
  const made = embeddings.parts || pipeline === "both"
    ? { model: "other" as const, parts }
    : { model: recorded ?? pipeline, ...(record ? { record } : {}) };
  return {
    rows,
    values,
    unmatched: match.unmatched,
    input: { kind: "embedding", width: values.columns, ...made },
    identity: { embeddings: await fingerprint(values.data) },
  };
}

/** One file's part of a vector, and how it was made where that is known. */
async function partOf(part: { path: string; width: number }): Promise<EmbeddingPart> {
  const record = await recordBeside(part);
  return { width: part.width, ...(record && { record: decidingPart(record) }) };
}

/** Embedding rows of all read-out genes. @throws {DataError} when some have none: how many, and five of them */
export function matchAllGenes({ genes, path }: Targets, embeddings: Embeddings): number[] {
  const wanted = { ids: genes, what: "read-out gene", path };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const match = matchIds(wanted, known);
  requireAll(match, wanted, known, "use the gene embeddings");
  return [...match.rows];
}

/**
 * Columns of the targets whose gene has an embedding, and its row; the others are left out with a warning. Upper and lower
 * case are two things, as in the Python script of pairs.
 */
export function matchSomeGenes(
  { genes, path }: Targets,
  embeddings: Embeddings,
): { columns: number[]; rows: number[] } {
  const wanted = { ids: genes, what: "read-out gene", path };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const match = matchIds(wanted, known, { anyCase: false });
  reportMatches(match, wanted, known, "left out: they have no embedding");
  const { wanted: columns, known: rows } = matchedRows(match);
  return { columns, rows };
}

/** One line on the size of the data. */
export function tellShape(tfs: number, width: number, genes: number): void {
  log.info(`Data shape: ${tfs} TFs × ${width} dims -> ${genes} genes`);
}
