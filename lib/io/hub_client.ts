/** The hub's protocol: what a file is (HEAD), and its bytes (GET, from any byte on), with waiting where the hub asks for it. */
import type { HubEnvironment } from "./hub_cache.ts";
import { mayHaveToken, missingGrant, sameHost } from "./hub_hosts.ts";
import { Refusal, refusalOf } from "./hub_refusals.ts";

export interface RemoteFile {
  readonly kind: "file";
  readonly commit: string | null;
  /** The hub's name for the content: SHA-256 of large files, git's SHA-1 of small ones. */
  readonly etag: string;
  readonly size: number;
  readonly url: string;
}

export interface AbsentFile {
  readonly kind: "absent";
  readonly commit: string | null;
}

interface ClientOptions {
  readonly warn?: (text: string) => void;
  readonly sleep?: (ms: number) => Promise<void>;
  readonly idleMs?: number;
}

const maxAttempts = 5;
const maxWaitMs = 300_000;
const maxRedirects = 10;

export class HubClient {
  readonly #environment: HubEnvironment;
  readonly #warn: (text: string) => void;
  readonly #sleep: (ms: number) => Promise<void>;
  /** Without an answer or a byte for this long, the connection is taken for dead. */
  readonly #idleMs: number;

  constructor(environment: HubEnvironment, { warn, sleep, idleMs = 60_000 }: ClientOptions) {
    this.#environment = environment;
    this.#warn = warn ?? (() => {});
    this.#sleep = sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.#idleMs = idleMs;
  }

  /**
   * What the hub knows of a file.
   *
   * @throws {Refusal} when it does not say (no access, no such model or revision, overloaded)
   * @throws {TypeError} when it cannot be reached
   */
  async look(id: string, revision: string, name: string): Promise<RemoteFile | AbsentFile> {
    const path = [...id.split("/"), "resolve", revision, ...name.split("/")];
    let url = `${this.#environment.endpoint}/${path.map(encodeURIComponent).join("/")}`;
    let commit: string | null = null;
    for (let hops = 0; hops < 5; hops++) {
      const response = await this.#request(url, { method: "HEAD" });
      await response.body?.cancel();
      const { headers } = response;
      commit = headers.get("x-repo-commit") ?? commit;
      const location = headers.get("location");
      const target = location === null ? url : new URL(location, url).href;
      const etag = headers.get("x-linked-etag") ?? headers.get("etag");
      if (isRedirect(response) && !headers.has("x-linked-etag") && sameHost(target, url)) {
        url = target; // a model that was renamed
        continue;
      }
      if (response.status === 404 && (headers.get("x-error-code") ?? "EntryNotFound") === "EntryNotFound") {
        return { kind: "absent", commit };
      }
      if (!response.ok && !isRedirect(response)) {
        throw refusalOf(response, revision, this.#environment);
      }
      // The length of a redirect is that of its own body.
      const ownSize = isRedirect(response) ? null : headers.get("content-length");
      const size = Number(headers.get("x-linked-size") ?? ownSize ?? NaN);
      const plainEtag = etag?.replace(/^W\//, "").replaceAll('"', "") ?? "";
      if (
        !/^[\w.-]+$/.test(plainEtag) || /^\.+$/.test(plainEtag) || !Number.isSafeInteger(size) ||
        (commit !== null && !/^[\w-]+$/.test(commit))
      ) {
        throw new Refusal(`the answer of ${new URL(url).host} is not that of a Hugging Face hub`);
      }
      return { kind: "file", commit, etag: plainEtag, size, url: target };
    }
    throw new Refusal("the hub redirects in a circle");
  }

  /**
   * The bytes of a file from `start` on, taken up again where the connection breaks. `offset` says where in the
   * file a piece belongs: 0 again where the server cannot send a part.
   *
   * @param renew looks the file up again: the storage's addresses are signed and expire, often within the hour
   */
  async *receive(
    remote: RemoteFile,
    start: number,
    name: string,
    renew: () => Promise<RemoteFile>,
  ): AsyncGenerator<{ bytes: Uint8Array; offset: number }> {
    let { url } = remote, offset = start, furthest = start, renewed = false, restarted = false;
    for (let failures = 0; offset < remote.size;) {
      try {
        const response = await this.#follow(url, {
          method: "GET",
          headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
        });
        const { status } = response;
        if (status === 200) offset = 0;
        else if (status !== 206) {
          await response.body?.cancel();
          if ((status === 401 || status === 403) && !renewed) {
            url = (await renew()).url;
            renewed = true;
          } else if (status === 416 && !restarted) {
            offset = 0;
            restarted = true;
          } else throw new Refusal(`${new URL(url).host} answers ${status}`);
          continue;
        }
        const body = response.body?.getReader();
        for (;;) {
          const piece = await within(this.#idleMs, body!.read(), () => body!.cancel());
          if (piece.done) break;
          if (offset + piece.value.length > remote.size) {
            await body!.cancel();
            throw new Refusal(`the hub sends more than the ${remote.size} bytes that it announced`);
          }
          yield { bytes: piece.value, offset };
          offset += piece.value.length;
          if (offset <= furthest) continue; // sent again: a server without ranges may break at the same byte for ever
          furthest = offset;
          failures = 0;
          renewed = false;
        }
        if (offset < remote.size) throw new TypeError("the connection was closed");
      } catch (error) {
        if (error instanceof Refusal || ++failures >= maxAttempts) throw error;
        this.#warn(
          `${name}: ${(error as Error).message} at byte ${offset} of ${remote.size}; going on from there`,
        );
        await this.#sleep(500 * 2 ** failures);
      }
    }
  }

  /** A request and the redirects that it meets: by hand, since each host needs its permission and may not have the token. */
  async #follow(url: string, init: RequestInit): Promise<Response> {
    const visited = [url];
    for (let hops = 0; hops < maxRedirects; hops++) {
      const response = await this.#request(visited.at(-1)!, init, visited);
      const location = response.headers.get("location");
      if (!isRedirect(response) || location === null) return response;
      await response.body?.cancel();
      const target = URL.parse(location, visited.at(-1));
      if (target === null || !/^https?:$/.test(target.protocol)) {
        throw new Refusal(
          `${new URL(visited.at(-1)!).host} redirects to "${location.slice(0, 80)}", which is no web address`,
        );
      }
      visited.push(target.href);
    }
    throw new Refusal(`${new URL(url).host} redirects more than ${maxRedirects} times`);
  }

  /**
   * One request, repeated while the hub is busy (429, 5xx). The token goes to the hub's own host alone.
   *
   * @param visited addresses that led here, whose hosts a message about permissions must name too
   */
  async #request(url: string, init: RequestInit, visited: readonly string[] = []): Promise<Response> {
    const { token, endpoint } = this.#environment, idleMs = this.#idleMs;
    const headers = new Headers(init.headers);
    headers.set("accept-encoding", "identity");
    if (token !== null && mayHaveToken(url, endpoint)) headers.set("authorization", `Bearer ${token}`);
    // Said here, rather than letting Deno ask in the middle of a download.
    const grant = await missingGrant(url, [endpoint, ...visited]);
    if (grant !== null) {
      throw new Refusal(`${new URL(url).host} needs network permission (run with ${grant} to download)`);
    }
    for (let attempt = 1;; attempt++) {
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(new TypeError(`no answer in ${idleMs / 1000} s`)), idleMs);
      let response: Response;
      try {
        response = await fetch(url, { redirect: "manual", ...init, headers, signal: abort.signal });
      } catch (error) {
        throw new TypeError(`${new URL(url).host} cannot be reached (${causeOf(error as Error)})`);
      } finally {
        clearTimeout(timer);
      }
      if (response.status !== 429 && response.status < 500) return response;
      const waitMs = retryAfterMs(response) ?? 500 * 2 ** attempt;
      if (attempt === maxAttempts || waitMs > maxWaitMs) return response;
      await response.body?.cancel();
      this.#warn(`The hub answers ${response.status}: waiting ${Math.ceil(waitMs / 1000)} s`);
      await this.#sleep(waitMs);
    }
  }
}

/** The system's reason, which Deno tells as the cause, without the address that it repeats. */
function causeOf({ message, cause }: Error): string {
  const text = cause instanceof Error ? cause.message : message;
  return text.replace(/^error sending request for url \(.*?\): (client error \(\w+\): )?/, "")
    .replace(/ \(os error \d+\)$/, "");
}

/** Retry-After holds seconds or a date. */
function retryAfterMs({ headers }: Response): number | null {
  const value = headers.get("retry-after");
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

async function within<T>(idleMs: number, promise: Promise<T>, giveUp: () => Promise<void>): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TypeError(`no data in ${idleMs / 1000} s`)), idleMs);
  try {
    return await Promise.race([promise, expired]);
  } catch (error) {
    giveUp().catch(() => {}); // the connection is lost either way
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function isRedirect({ status }: Response): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}
