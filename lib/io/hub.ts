/**
 * Files of a model on the Hugging Face hub, through the cache that Python uses too (see hub_cache.ts). A download can be
 * cut off and go on later; a file appears under its name only when its size and hash are right.
 */
import { createHash } from "node:crypto";
import { DataError, UsageError } from "../cli/errors.ts";
import { causeOf } from "./atomic_write.ts";
import { CachedRepository, exists, type HubEnvironment, hubEnvironment, isCommit } from "./hub_cache.ts";
import { type AbsentFile, HubClient, type RemoteFile } from "./hub_client.ts";
import { NoSuchRevision, Refusal } from "./hub_refusals.ts";

export interface HubOptions {
  /** Branch, tag or commit; default "main". */
  readonly revision?: string;
  readonly environment?: HubEnvironment;
  readonly onProgress?: (file: string, doneBytes: number, totalBytes: number) => void;
  readonly warn?: (text: string) => void;
  /** For tests: how waiting is done, and how long silence may last. */
  readonly sleep?: (ms: number) => Promise<void>;
  readonly idleMs?: number;
}

/** Whether a text could be the name of a model on the hub: "organisation/name". */
export function looksLikeHubId(text: string): boolean {
  return /^[\w.-]+\/[\w.-]+$/.test(text) && !/(^|\/)\.|\.\.|--/.test(text);
}

/** One model on the hub at one revision. */
export class HubRepository {
  readonly #id: string;
  readonly #revision: string;
  readonly #options: HubOptions;
  readonly #environment: HubEnvironment;
  readonly #cache: CachedRepository;
  readonly #client: HubClient;
  #commit: string | null = null;
  /** Why the hub is not asked, or no more: what there is comes from the cache. */
  #cacheOnly: string | null = null;
  #warned = false;

  /** @throws {UsageError} when id or revision are none */
  constructor(id: string, options: HubOptions = {}) {
    this.#id = id;
    this.#revision = options.revision ?? "main";
    if (!looksLikeHubId(id)) {
      throw new UsageError(`Cannot use the model "${id}": expected a folder or "organisation/name"`);
    }
    if (!/^[\w./-]+$/.test(this.#revision) || this.#revision.split("/").some((part) => /^\.*$/.test(part))) {
      throw new UsageError(`Cannot use --revision "${this.#revision}": expected a branch, tag or commit`);
    }
    this.#options = options;
    this.#environment = options.environment ?? hubEnvironment();
    if (this.#environment.offline !== null) this.#cacheOnly = `${this.#environment.offline} is set`;
    this.#cache = new CachedRepository(this.#environment.cacheFolder, id);
    this.#client = new HubClient(this.#environment, options);
  }

  /** The commit that the files are of; null before the first file. */
  get commit(): string | null {
    return this.#commit;
  }

  /** Why a file that is not in the cache could not be asked for; null where the hub answers. */
  get cacheOnly(): string | null {
    return this.#cacheOnly;
  }

  /** Path of a file in the cache, downloaded where it must be. @throws {DataError} when it cannot be had */
  async file(name: string): Promise<string> {
    const path = await this.optionalFile(name);
    if (path !== null) return path;
    if (this.#cacheOnly === null || this.#cache.isKnownAbsent(this.#commit!, name)) {
      throw this.#fail(name, `revision "${this.#revision}" has no such file`);
    }
    throw this.#fail(
      name,
      `${this.#cacheOnly}, and the cache "${this.#environment.cacheFolder}" does not hold it`,
    );
  }

  /** As `file`, null where the model has no such file. */
  async optionalFile(name: string): Promise<string | null> {
    const known = this.#commit ?? this.#cache.commitOf(this.#revision);
    if (this.#cacheOnly !== null) return this.#fromCache(known, name);
    if (known !== null && isCommit(this.#revision)) {
      const path = this.#cache.find(known, name);
      if (path !== null || this.#cache.isKnownAbsent(known, name)) {
        this.#commit = known;
        return path;
      }
    }
    const remote = await this.#look(known, name);
    if (remote === null) return this.#fromCache(known, name);
    if (remote.commit !== null) await this.#agreeOn(remote.commit);
    if (remote.kind === "absent") {
      if (remote.commit !== null) await this.#cache.rememberAbsent(remote.commit, name);
      return null;
    }
    if (this.#commit === null) throw this.#fail(name, "the hub does not say which commit it is of");
    return this.#cache.find(this.#commit, name) ?? await this.#fetch(this.#commit, name, remote);
  }

  /** What the hub says of a file; null where it says nothing and the cache holds the revision. */
  async #look(known: string | null, name: string): Promise<RemoteFile | AbsentFile | null> {
    try {
      return await this.#client.look(this.#id, this.#revision, name);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Refusal)) throw error;
      if (known === null || !this.#cache.holds(known) || error instanceof NoSuchRevision) {
        throw this.#fail(name, error.message);
      }
      this.#cacheOnly = error.message;
      return null;
    }
  }

  #fromCache(commit: string | null, name: string): string | null {
    if (commit === null || !this.#cache.holds(commit)) {
      throw this.#fail(
        name,
        `${this.#cacheOnly} and revision "${this.#revision}" is not in the cache "${this.#environment.cacheFolder}"`,
      );
    }
    this.#commit = commit;
    const path = this.#cache.find(commit, name);
    if (path !== null && this.#environment.offline === null && !this.#warned) {
      this.#warned = true;
      this.#options.warn?.(`Using what the cache holds of "${this.#id}": ${this.#cacheOnly}`);
    }
    return path;
  }

  /** All files are of one commit; a branch may move while we download. */
  async #agreeOn(commit: string) {
    if (this.#commit === commit) return;
    if (this.#commit !== null) {
      throw new DataError(
        `Cannot download "${this.#id}": "${this.#revision}" moved to another commit meanwhile (run again)`,
      );
    }
    this.#commit = commit;
    try {
      await this.#cache.rememberCommit(this.#revision, commit);
    } catch (error) {
      this.#options.warn?.((error as Error).message); // what is there can be used all the same
    }
  }

  async #fetch(commit: string, name: string, remote: RemoteFile): Promise<string> {
    try {
      if (!exists(this.#cache.blob(remote.etag))) await this.#download(name, remote);
      return await this.#cache.link(commit, name, remote.etag);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw this.#fail(
        name,
        `the cache "${this.#environment.cacheFolder}" cannot be written: ${
          causeOf(error)
        } (set HF_HUB_CACHE to a folder that can be, or HF_HUB_OFFLINE=1 to use what is there)`,
      );
    }
  }

  #download(name: string, remote: RemoteFile): Promise<void> {
    const onWait = () => this.#options.warn?.(`Waiting for another download of "${name}"`);
    return this.#cache.withLock(remote.etag, () => this.#downloadAlone(name, remote), onWait);
  }

  async #downloadAlone(name: string, remote: RemoteFile): Promise<void> {
    const blob = this.#cache.blob(remote.etag);
    const partial = `${blob}.incomplete`;
    for (let attempt = 1; !exists(blob); attempt++) {
      const resumed = await this.#receive(name, remote, partial);
      const problem = await this.#verify(name, partial, remote);
      if (problem === null) {
        await Deno.rename(partial, blob);
        break;
      }
      await Deno.remove(partial);
      // What an earlier run left may have been bad: then once more from the start.
      if (!resumed || attempt > 1) {
        throw this.#fail(name, `${problem} (run again; if it repeats, the hub's copy is damaged)`);
      }
      this.#options.warn?.(`${name}: ${problem}; downloading it again from the start`);
    }
  }

  /** Append to `partial` until it is whole. @returns whether it was begun before */
  async #receive(name: string, remote: RemoteFile, partial: string): Promise<boolean> {
    // Never through a link, which would lead to another file.
    if ((await Deno.lstat(partial).catch(() => null))?.isSymlink) await Deno.remove(partial);
    using file = await Deno.open(partial, { create: true, write: true, read: true });
    let done = await file.seek(0, Deno.SeekMode.End);
    if (done > remote.size) await file.truncate(done = 0);
    const resumed = done > 0;
    this.#options.onProgress?.(name, done, remote.size);
    const renew = () => this.#lookAgain(name, remote);
    try {
      for await (const { bytes, offset } of this.#client.receive(remote, done, name, renew)) {
        if (offset !== done) await file.truncate(offset);
        await file.seek(offset, Deno.SeekMode.Start);
        for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
        done = offset + bytes.length;
        this.#options.onProgress?.(name, done, remote.size);
      }
    } catch (error) {
      const kept = done > 0 ? ` (${done} of ${remote.size} bytes are kept: run again to go on)` : "";
      throw this.#fail(name, `${(error as Error).message}${kept}`);
    }
    await file.syncData();
    return resumed;
  }

  async #lookAgain(name: string, { etag }: RemoteFile): Promise<RemoteFile> {
    const remote = await this.#client.look(this.#id, this.#commit!, name);
    if (remote.kind === "file" && remote.etag === etag) return remote;
    throw new Refusal("the hub has another file there meanwhile");
  }

  /** What is wrong with a finished download. Etags are SHA-256 of large files and git's SHA-1 of small ones. */
  async #verify(name: string, partial: string, { etag, size }: RemoteFile): Promise<string | null> {
    const found = (await Deno.stat(partial)).size;
    if (found !== size) return `the download has ${found} bytes, expected ${size}`;
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) {
      this.#options.warn?.(
        `${name}: ${this.#environment.endpoint} gives no hash of it, so its content is unchecked`,
      );
      return null;
    }
    const hash = createHash(etag.length === 64 ? "sha256" : "sha1");
    if (etag.length === 40) hash.update(`blob ${size}\0`);
    using file = await Deno.open(partial);
    for await (const bytes of file.readable) hash.update(bytes);
    const digest = hash.digest("hex");
    return digest === etag
      ? null
      : `the download has the hash ${digest.slice(0, 12)}..., expected ${etag.slice(0, 12)}...`;
  }

  #fail(name: string, what: string): DataError {
    return new DataError(`Cannot get "${name}" of model "${this.#id}": ${what}`);
  }
}
