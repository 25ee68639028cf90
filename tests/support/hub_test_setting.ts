/** A loopback hub with one model, and a cache of its own for each test. */
import { HubRepository } from "../../lib/io/hub.ts";
import type { HubEnvironment } from "../../lib/io/hub_cache.ts";
import { type HubServer, modelId, startHub } from "./hub_server.ts";

/** What the model of the tests holds. */
export const large = crypto.getRandomValues(new Uint8Array(50_000));
export const config = new TextEncoder().encode(`{"hidden_size": 8}`);

export interface Setting {
  hub: HubServer;
  cache: string;
  waits: number[];
  warnings: string[];
  open: (
    options?: { id?: string; revision?: string; idleMs?: number; environment?: Partial<HubEnvironment> },
  ) => HubRepository;
}

/** A test beside a hub of its own, with an empty cache. */
export function hubTest(name: string, body: (setting: Setting) => Promise<void>) {
  Deno.test(name, async () => {
    const hub = startHub();
    const cache = await Deno.makeTempDir({ prefix: "hub" });
    hub.files.set("config.json", { content: config });
    hub.files.set("model.safetensors", { content: large, lfs: true });
    const waits: number[] = [], warnings: string[] = [];
    const open: Setting["open"] = ({ id = modelId, revision, idleMs, environment } = {}) =>
      new HubRepository(id, {
        revision,
        idleMs,
        environment: {
          endpoint: hub.endpoint,
          cacheFolder: cache,
          token: null,
          offline: null,
          ...environment,
        },
        sleep: (ms) => (waits.push(ms), Promise.resolve()),
        warn: (text) => warnings.push(text),
      });
    try {
      await body({ hub, cache, waits, warnings, open });
    } finally {
      await hub.stop();
      await Deno.remove(cache, { recursive: true });
    }
  });
}
