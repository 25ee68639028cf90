/** Embeddings of perturbations and genes for the models that learn from them. */
import { resolve } from "@std/path";
import type { FlagDeclarations } from "../cli/flags.ts";
import { log } from "../cli/log.ts";
import {
  type Embeddings,
  readEmbeddings,
  readHyenaEmbeddings,
  readNtEmbeddings,
} from "../dataset/embeddings.ts";
import { sortedOrder } from "../dataset/ids.ts";
import { matchedRows, matchIds, reportMatches, requireAll } from "../dataset/matching.ts";
import type { Targets } from "../dataset/targets.ts";
import { takeRows } from "../linalg/matrix.ts";
import { decidingPart } from "../embedding/record.ts";
import { fingerprint } from "./identity.ts";
import { recordBeside } from "./gene_embeddings_check.ts";
import type { DataFolder } from "./read_data.ts";
import { embeddingModels, type ModelInput } from "./saved_model_json.ts";

/** Embeddings of TFs from a file of one's own. */
export const tfEmbeddingFlags = {
  "embeddings": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "of the data folder",
    help: "embeddings of TFs, a row each: .npy, or a table whose first column is the id",
  },
  "ids": {
    default: null,
    type: "text",
    value: "FILE",
    group: "Data",
    shownDefault: "beside --embeddings",
    help: "ids of the rows of --embeddings",
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

/** Embeddings of one pipeline: of the file that is named, else of the folder. */
export async function readTfEmbeddings(
  pipeline: "ntv2" | "hyenadna",
  flags: {
    embeddings: string | null;
    ids: string | null;
    ntv2Dir?: string | null;
    ntv2Size?: string | null;
    hyenaDir?: string | null;
  },
  folder: DataFolder,
  options?: { allowMissing: boolean },
): Promise<Embeddings> {
  if (flags.embeddings !== null) return await readEmbeddings(flags.embeddings, flags.ids, options);
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
  pipeline: "ntv2" | "hyenadna" | "other",
  { order, exactCase = false }: { order: "sorted" | "file"; exactCase?: boolean },
): Promise<MatchedTfs> {
  const wanted = { ids: targets.perturbations, what: "perturbation", path: targets.path, otherNames };
  const known = { ids: embeddings.ids, path: embeddings.idsPath };
  const match = matchIds(wanted, known, { anyCase: !exactCase });
  reportMatches(match, wanted, known, "left out, for want of an embedding");
  const { wanted: found } = matchedRows(match);
  const rows = order === "file"
    ? found
    : sortedOrder(found.map((row) => targets.perturbations[row])).map((place) => found[place]);
  const values = takeRows(embeddings.values, rows.map((row) => match.rows[row]));
  const record = await recordBeside(embeddings);
  return {
    rows,
    values,
    unmatched: match.unmatched,
    input: {
      kind: "embedding",
      // A script takes the embeddings of any model; which it was the record knows best.
      model: embeddingModels.find((model) => model === record?.pipeline) ?? pipeline,
      width: values.columns,
      ...(record && { record: decidingPart(record) }),
    },
    identity: { embeddings: await fingerprint(values.data) },
  };
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
  reportMatches(match, wanted, known, "left out, for want of an embedding");
  const { wanted: columns, known: rows } = matchedRows(match);
  return { columns, rows };
}

/** One line on the size of the data. */
export function tellShape(tfs: number, width: number, genes: number): void {
  log.info(`Data shape: ${tfs} TFs × ${width} dims -> ${genes} genes`);
}
