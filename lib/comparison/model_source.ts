/** Where a model's predictions come from, and what is known of them. */
import { extname, join } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import { exists } from "../experiment/folders.ts";
import { type Manifest, readListed, readManifest } from "../experiment/manifest.ts";
import { describeFile, type FileFact } from "../io/file_fact.ts";
import { parseCsvTable } from "../io/csv.ts";
import type { FoundResult } from "./find_results.ts";
import { type LabelledTable, readLabelledTable } from "./read_table.ts";
import { hasSiblings } from "./siblings.ts";

export interface ModelSource {
  readonly name: string;
  /** What messages call it: a result folder or a file. */
  readonly path: string;
  readonly predictions: string;
  /** The file of predictions, with its hash. */
  readonly file: FileFact;
  /** Null for predictions of another tool. */
  readonly manifest: Manifest | null;
  /** The fold that held each perturbation out, by its id; null for predictions of another tool. */
  readonly folds: ReadonlyMap<string, string> | null;
  /** Standard deviations of the predictions, in their layout. */
  readonly spread: string | null;
  read(): Promise<LabelledTable>;
  /** The result's own mean baseline: NaN where nothing was asked for. */
  readBaseline(): Promise<LabelledTable | null>;
}

/** @throws {DataError} when the folder is torn or was edited, naming the file */
export async function resultSource({ name, path }: FoundResult): Promise<ModelSource> {
  const manifest = await readManifest(path);
  if (manifest === null) {
    throw new DataError(`Cannot use "${path}": it has no manifest.json, so it is no finished result`);
  }
  const listed = manifest.files.map((file) => file.path);
  const tables = listed.filter((file) => /^predictions_.*\.parquet$/s.test(file));
  // A model may be called so that its predictions end as a spread does: a spread has predictions beside it.
  const predictions = tables.filter((file) => !tables.some((other) => spreadOf(other) === file));
  if (predictions.length !== 1) {
    throw new DataError(
      `Cannot use "${path}": its manifest lists ${predictions.length} files predictions_*.parquet (one is needed; run the ` +
        `script again)`,
    );
  }
  const [file] = predictions;
  await readListed(path, manifest, file); // compares the hash
  const metrics = await readListed(path, manifest, "metrics_per_perturbation.csv");
  const baseline = listed.find((file) => /^baseline_.*\.parquet$/s.test(file));
  return {
    name,
    path,
    predictions: join(path, file),
    file: { ...manifest.files.find((fact) => fact.path === file)!, path: join(path, file) },
    manifest,
    folds: foldsFrom(metrics, join(path, "metrics_per_perturbation.csv")),
    spread: await listedSpread(path, manifest, file),
    read: () => readLabelledTable(join(path, file)),
    readBaseline: async () => baseline === undefined ? null : await readChecked(path, manifest, baseline),
  };
}

/** `NAME=FILE` of --predictions. */
export async function otherSource(argument: string): Promise<ModelSource> {
  const { name, path } = await nameAndFile(argument);
  const letters = [...name].length;
  if (name.trim() === "" || letters > 100) {
    throw new UsageError(
      `Cannot use --predictions "${shortId(argument)}": ${
        letters > 100 ? `its NAME has ${letters} characters` : "its NAME is blank"
      } (1 to 100 are needed)`,
    );
  }
  return {
    name,
    path,
    predictions: path,
    file: await describeFile(path),
    manifest: null,
    folds: null,
    spread: await spreadBeside(path),
    read: () => readLabelledTable(path),
    readBaseline: () => Promise.resolve(null),
  };
}

/** Names and paths may hold "=" too: of several ways to cut, the first that names a file. */
async function nameAndFile(argument: string): Promise<{ name: string; path: string }> {
  const cuts = [...argument.matchAll(/=/g)].map(({ index }) => index).filter((at) =>
    at > 0 && at < argument.length - 1
  )
    .map((at) => ({ name: argument.slice(0, at), path: argument.slice(at + 1) }));
  for (const cut of cuts) if (!hasSiblings(cut.path) || await exists(cut.path)) return cut;
  if (cuts.length > 0) return cuts[0];
  throw new UsageError(
    `Cannot use --predictions "${argument}": it must be NAME=FILE, such as gears=gears.csv`,
  );
}

function foldsFrom(csv: Uint8Array, path: string): Map<string, string> {
  const { header, rows } = parseCsvTable(csv, path), fold = header.indexOf("fold");
  if (fold < 0) throw new DataError(`Cannot use "${path}": it has no column "fold" (run the script again)`);
  return new Map(rows.filter((cells) => cells[fold] !== "").map((cells) => [cells[0], cells[fold]]));
}

async function readChecked(folder: string, manifest: Manifest, file: string): Promise<LabelledTable> {
  await readListed(folder, manifest, file); // compares the hash
  return await readLabelledTable(join(folder, file));
}

/** The spread of a result's predictions, once its hash was compared. One that the manifest does not list is told of. */
async function listedSpread(folder: string, manifest: Manifest, predictions: string): Promise<string | null> {
  const name = manifest.files.map(({ path }) => path).find((path) => path === spreadOf(predictions));
  if (name !== undefined) {
    await readListed(folder, manifest, name);
    return join(folder, name);
  }
  const beside = await spreadBeside(join(folder, predictions));
  if (beside !== null) {
    log.warn(
      `"${beside}" is not used: the manifest of "${folder}" does not list it (--predictions NAME=FILE takes predictions with a ` +
        `spread beside them).`,
    );
  }
  return null;
}

function spreadOf(path: string, ending = extname(path)): string {
  return `${path.slice(0, path.length - extname(path).length)}_spread${ending}`;
}

/** `<stem>_spread` with any of the endings that are read. */
async function spreadBeside(path: string): Promise<string | null> {
  if (!hasSiblings(path)) return null;
  for (const ending of new Set([extname(path), ".parquet", ".csv", ".npy"])) {
    if (await exists(spreadOf(path, ending))) return spreadOf(path, ending);
  }
  return null;
}

/** @throws {UsageError} when two models have one name, or a spreadsheet would run a name as a formula */
export function refuseNames(sources: readonly ModelSource[], taken: readonly string[]): void {
  for (const { name } of sources) {
    if (/^\s*[=+@-]/.test(name)) {
      throw new UsageError(
        `Cannot call a model "${
          shortId(name)
        }": spreadsheets take it for a formula (a name that begins with none of = + - @ is ` +
          `needed)`,
      );
    }
  }
  const seen = new Set(taken.map((name) => name.toLowerCase()));
  for (const { name } of sources) {
    if (seen.has(name.toLowerCase())) {
      throw new UsageError(
        `Cannot compare two models called "${name}": give one of them another name (--predictions NAME=FILE)`,
      );
    }
    seen.add(name.toLowerCase());
  }
}
