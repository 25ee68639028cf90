/**
 * The Hugging Face cache, laid out as Python's huggingface_hub does, so that both share one copy:
 *
 *     models--ORG--NAME/refs/main                    the commit that "main" was at
 *     models--ORG--NAME/blobs/<etag>                 contents; <etag>.incomplete while being downloaded
 *     models--ORG--NAME/snapshots/<commit>/<file>    relative links to blobs
 *     models--ORG--NAME/.no_exist/<commit>/<file>    empty: the commit has no such file
 *     .locks/models--ORG--NAME/<etag>.lock           held by whoever downloads
 */
import { homedir } from "node:os";
import { dirname, join, relative } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import { writeFileAtomic } from "./atomic_write.ts";

/** What the environment says about the hub. */
export interface HubEnvironment {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly cacheFolder: string;
  readonly token: string | null;
  /** The variable that forbids to ask the hub; null where none does. */
  readonly offline: string | null;
}

/** Variables that a path of the cache may name; of others the value may not be looked up. */
const pathVariables = new Set([
  "HOME",
  "USER",
  "USERPROFILE",
  "XDG_CACHE_HOME",
  "HF_HOME",
  "SCRATCH",
  "WORK",
  "TMPDIR",
]);

/**
 * From HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN (or the file at HF_TOKEN_PATH, which `huggingface-cli login` writes) and
 * HF_HUB_OFFLINE; where one is not set, from its older name that Python's library still reads.
 *
 * The cache, as huggingface_hub 2 and transformers 5 find it: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub. Where none of
 * the three is set, TRANSFORMERS_CACHE and PYTORCH_TRANSFORMERS_CACHE, which transformers up to 4 read (before all others) and 5
 * no longer reads, may still hold models.
 *
 * @param homeFolder of the user where no variable says it
 */
export function hubEnvironment(
  get: (name: string) => string | undefined = Deno.env.get,
  homeFolder: () => string = homedir,
): HubEnvironment {
  const set = (...names: string[]) =>
    names.map((name) => get(name)?.trim() || undefined).find((value) => value !== undefined);
  const user = set("HOME", "USERPROFILE") ?? homeFolder();
  // A shell leaves the ~ of HF_HOME="~/models" as it is; files of variables (systemd, .env) leave $HOME too.
  const path = (text: string) =>
    text
      .replace(/^~(?=[/\\]|$)/, () => user)
      .replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, plain, braced) => {
        const name = plain ?? braced;
        return (name === "HOME" ? user : pathVariables.has(name) ? set(name) : undefined) ?? whole;
      });
  const home = path(set("HF_HOME") ?? join(set("XDG_CACHE_HOME") ?? join(user, ".cache"), "huggingface"));
  const endpoint = (set("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new UsageError(`Cannot use HF_ENDPOINT "${endpoint}": it must be a http or https address`);
  }
  const offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].find((name) => set(name));
  return {
    endpoint,
    cacheFolder: path(
      set("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ??
        (set("HF_HOME") ? undefined : set("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE")) ??
        join(home, "hub"),
    ),
    token: set("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ??
      readToken(path(set("HF_TOKEN_PATH") ?? join(home, "token"))),
    offline: offline && /^(1|on|yes|true)$/i.test(set(offline)!) ? offline : null,
  };
}

function readToken(path: string): string | null {
  try {
    return Deno.readTextFileSync(path).trim() || null;
  } catch {
    return null; // no one has logged in
  }
}

/** The part of the cache that belongs to one model. */
export class CachedRepository {
  readonly folder: string;
  readonly #locks: string;

  /** @param id "organisation/name" */
  constructor(cacheFolder: string, id: string) {
    const name = `models--${id.replaceAll("/", "--")}`;
    this.folder = join(cacheFolder, name);
    this.#locks = join(cacheFolder, ".locks", name);
  }

  /** The commit that a branch or tag was last seen at; a commit is its own. @throws {DataError} when its file holds no commit */
  commitOf(revision: string): string | null {
    if (isCommit(revision)) return revision;
    const path = join(this.folder, "refs", revision);
    let commit: string;
    try {
      commit = Deno.readTextFileSync(path).trim();
    } catch {
      return null;
    }
    // It becomes the name of a folder: a path would lead to weights elsewhere.
    if (commit !== "" && !/^\w+$/.test(commit)) {
      throw new DataError(
        `Cannot use "${path}": it holds "${commit.slice(0, 80)}", expected a commit (delete it)`,
      );
    }
    return commit || null;
  }

  /** Whether anything of a commit was ever downloaded. */
  holds(commit: string): boolean {
    return exists(join(this.folder, "snapshots", commit));
  }

  /** Where a file of a commit lies, or null where it was not downloaded. */
  find(commit: string, file: string): string | null {
    const path = join(this.folder, "snapshots", commit, file);
    return exists(path) ? path : null;
  }

  /** Whether the hub has said that the commit lacks the file. */
  isKnownAbsent(commit: string, file: string): boolean {
    return exists(join(this.folder, ".no_exist", commit, file));
  }

  /** Writes only what is new: a cache that many share may be read-only. @throws {DataError} when it cannot be written */
  async rememberCommit(revision: string, commit: string): Promise<void> {
    if (this.commitOf(revision) === commit || isCommit(revision)) return;
    await writeFileAtomic(join(this.folder, "refs", revision), commit);
  }

  /** For runs without the hub; nothing is lost in a cache that cannot be written. */
  async rememberAbsent(commit: string, file: string): Promise<void> {
    if (this.isKnownAbsent(commit, file)) return;
    await writeFileAtomic(join(this.folder, ".no_exist", commit, file), "").catch(() => {});
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Let `snapshots/<commit>/<file>` show the blob: by a relative link, or a copy where links cannot be made. */
  async link(commit: string, file: string, etag: string): Promise<string> {
    const path = join(this.folder, "snapshots", commit, file);
    if (exists(path)) return path;
    await Deno.mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      await Deno.symlink(relative(dirname(path), this.blob(etag)), temporary);
    } catch {
      await Deno.copyFile(this.blob(etag), temporary);
    }
    await Deno.rename(temporary, path);
    return path;
  }

  /** Run `f` while no other process, Python's included, downloads the same blob; `onWait` is told when one does. */
  async withLock<T>(etag: string, f: () => Promise<T>, onWait: () => void): Promise<T> {
    await Deno.mkdir(this.#locks, { recursive: true });
    await Deno.mkdir(join(this.folder, "blobs"), { recursive: true });
    using lock = await Deno.open(join(this.#locks, `${etag}.lock`), { create: true, write: true });
    if (!await lock.tryLock(true)) {
      onWait();
      await lock.lock(true);
    }
    return await f();
  }
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
