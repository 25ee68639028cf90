/** Stands for the Hugging Face hub on the loopback address: one model, small files by git's hash, large ones by SHA-256 and a redirect. */
import { createHash } from "node:crypto";

export interface HubServer {
  readonly endpoint: string;
  readonly requests: { method: string; path: string; range: string | null; authorization: string | null }[];
  /** Files of the model; those with `lfs` are served from another address, as the hub's storage is. */
  readonly files: Map<string, { content: Uint8Array; lfs?: boolean }>;
  commit: string;
  /** Answers to give before the real ones, first to last; null for the real one. */
  readonly answers: ({ status: number; headers?: Record<string, string> } | null)[];
  /** The same for the storage. */
  readonly storageAnswers: ({ status: number; headers?: Record<string, string> } | null)[];
  /** Break the connection of the next downloads after this many bytes of body. */
  readonly cuts: number[];
  /** Without support for Range. */
  ignoresRange: boolean;
  /** Whether only a redirect from the old name says which commit files are of. */
  hidesCommit: boolean;
  /** Only this token opens the model. */
  token: string | null;
  stop(): Promise<void>;
}

export const modelId = "lab/tiny-model";

export function startHub(): HubServer {
  const state = {
    requests: [] as HubServer["requests"],
    files: new Map<string, { content: Uint8Array; lfs?: boolean }>(),
    commit: "0123456789abcdef0123456789abcdef01234567",
    answers: [] as HubServer["answers"],
    storageAnswers: [] as HubServer["storageAnswers"],
    cuts: [] as number[],
    ignoresRange: false,
    hidesCommit: false,
    token: null as string | null,
  };
  const handle = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    const { headers } = request;
    state.requests.push({
      method: request.method,
      path: pathname,
      range: headers.get("range"),
      authorization: headers.get("authorization"),
    });
    if (request.method === "GET" && pathname.startsWith("/storage/")) {
      const answer = state.storageAnswers.shift();
      if (answer) return new Response(null, answer);
      return content(
        state.files.get(decodeURIComponent(pathname.slice("/storage/".length)))!.content,
        headers,
      );
    }
    const answer = state.answers.shift();
    if (answer) return new Response(null, answer);
    const match = /^\/lab\/tiny-model\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    if (pathname.startsWith("/lab/old-name/")) {
      return new Response(null, {
        status: 307,
        headers: { location: pathname.replace("old-name", "tiny-model"), "x-repo-commit": state.commit },
      });
    }
    if (!match) return new Response(null, { status: 404, headers: { "x-error-code": "RepoNotFound" } });
    if (state.token !== null && headers.get("authorization") !== `Bearer ${state.token}`) {
      return new Response(null, { status: 401 });
    }
    const [, revision, name] = match.map(decodeURIComponent);
    if (!["main", "refs/pr/1", state.commit].includes(revision)) {
      return new Response(null, { status: 404, headers: { "x-error-code": "RevisionNotFound" } });
    }
    const file = state.files.get(name);
    const common: Record<string, string> = state.hidesCommit ? {} : { "x-repo-commit": state.commit };
    if (!file) {
      return new Response(null, { status: 404, headers: { ...common, "x-error-code": "EntryNotFound" } });
    }
    if (file.lfs) {
      return new Response(null, {
        status: 302,
        headers: {
          ...common,
          "x-linked-etag": `"${sha256(file.content)}"`,
          "x-linked-size": String(file.content.length),
          location: `${endpoint.replace("127.0.0.1", "localhost")}/storage/${encodeURIComponent(name)}`,
        },
      });
    }
    if (request.method === "GET") return content(file.content, headers);
    return new Response(null, {
      headers: {
        ...common,
        etag: `"${gitHash(file.content)}"`,
        "content-length": String(file.content.length),
      },
    });
  };
  const content = (bytes: Uint8Array, headers: Headers): Response => {
    const start = state.ignoresRange
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    const rest = bytes.slice(start);
    const cut = state.cuts.shift();
    const body = cut === undefined ? rest : new ReadableStream({
      start(controller) {
        controller.enqueue(rest.slice(0, cut));
        controller.close(); // sooner than content-length says
      },
    });
    return new Response(body, { status: start > 0 ? 206 : 200 });
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  return Object.assign(state, { endpoint, stop: () => server.shutdown() });
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}
