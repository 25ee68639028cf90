/** `manifest.json` of a result folder: whose result it is, and every file with its size and SHA-256. Written last. */
import { isAbsolute, join, SEPARATOR } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import { describeFile, type FileFact } from "../io/file_fact.ts";
import { readFileBytes } from "../io/read_file.ts";

/** What is known of a run beside its files. */
export interface RunFacts {
  /** Stands for all settings and data. */
  readonly run_id: string;
  /** Stands for the targets' file. */
  readonly data_id: string;
  readonly script: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly engines: readonly string[];
  /** The files that it read. */
  readonly inputs: readonly FileFact[];
}

export interface Manifest extends RunFacts {
  readonly format: "hs27-result";
  readonly version: 1;
  /** When it was written, ISO 8601. */
  readonly created: string;
  readonly program: string;
  readonly deno: string;
  readonly files: readonly FileFact[];
}

/** Version of this program, as CHANGELOG.md counts. */
export const programVersion = "0.2.0";

const manifestName = "manifest.json";

/** Describe all files of `folder`, in it. */
export async function writeManifest(folder: string, facts: RunFacts): Promise<void> {
  const files: FileFact[] = [];
  for (const path of await filesBelow(folder)) files.push(await describeFile(join(folder, path), path));
  const manifest: Manifest = {
    format: "hs27-result",
    version: 1,
    ...facts,
    created: new Date().toISOString(),
    program: programVersion,
    deno: Deno.version.deno,
    files: files.map((file) => ({ ...file, path: file.path.replaceAll(SEPARATOR, "/") })),
  };
  await writeFileAtomic(join(folder, manifestName), JSON.stringify(manifest, null, 2) + "\n");
}

/**
 * The manifest of a result folder.
 *
 * @returns null where there is none: an earlier version wrote the folder, or nothing did
 * @throws {DataError} when it is not one that this version can read
 */
export async function readManifest(folder: string): Promise<Manifest | null> {
  const path = join(folder, manifestName);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw new DataError(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`);
  }
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new DataError(
      `Cannot read "${path}": it is not JSON (run the script again to write the result anew)`,
    );
  }
  const { format, version } = isObject(manifest) ? manifest : {};
  const isOurs = format === "hs27-result" && version === 1;
  const wrong = isOurs &&
    Object.entries(fields).find(([field, isRight]) => !isRight(manifest[field as keyof Manifest]));
  if (isOurs && !wrong) return manifest;
  throw new DataError(
    `Cannot read "${path}": it is no manifest of a result that this version can read` +
      (wrong ? ` ("${wrong[0]}" is missing or not what a run writes: run the script again)` : ""),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === "string";

function isListOf(isItem: (item: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(isItem);
}

/** What each field of a manifest must be. */
const fields: Readonly<Record<Exclude<keyof Manifest, "format" | "version">, (value: unknown) => boolean>> = {
  run_id: isText,
  data_id: isText,
  script: isText,
  flags: isObject,
  engines: isListOf(isText),
  inputs: isListOf(isFileFact),
  created: isText,
  program: isText,
  deno: isText,
  files: isListOf((file) => isFileFact(file) && isInFolder(file.path)),
};

/** Path, size and hash. */
function isFileFact(file: unknown): file is FileFact {
  if (!isObject(file)) return false;
  const { path, bytes, sha256 } = file;
  return isText(path) && path !== "" && Number.isSafeInteger(bytes) && (bytes as number) >= 0 &&
    isText(sha256) && /^[0-9a-f]{64}$/.test(sha256);
}

/** A path without a way out of the folder. */
function isInFolder(path: string): boolean {
  return !path.split(/[\\/]/).includes("..") && !isAbsolute(path);
}

/**
 * The bytes of a file that a manifest lists, once they were found to be the result's own.
 *
 * @throws {DataError} when the manifest does not list it, or the file was changed since
 */
export async function readListed(
  folder: string,
  manifest: Manifest,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const fact = manifest.files.find((file) => file.path === path);
  const full = join(folder, path);
  if (!fact) {
    throw new DataError(
      `Cannot use "${full}": the manifest of "${folder}" does not list it (another run left it there?)`,
    );
  }
  const bytes = await readFileBytes(full);
  if (bytes.length === fact.bytes && await sha256(bytes) === fact.sha256) return bytes;
  throw new DataError(
    `Cannot use "${full}": it was changed since the result was written (run the script again, or copy the whole folder anew)`,
  );
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Paths below a folder, ascending. */
async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, prefix))) {
    const path = join(prefix, name);
    if (isDirectory) paths.push(...await filesBelow(folder, path));
    else paths.push(path);
  }
  return paths.sort();
}
