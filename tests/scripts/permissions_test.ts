import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { candidates } from "../../lib/backend/cpu/blas.ts";
import { hubEnvironment } from "../../lib/io/hub_cache.ts";

const { default: plain, blas, hub } = denoJson.permissions;

Deno.test("-P lets a script read every variable about the hub", () => {
  hubEnvironment((name) => {
    assert(plain.env.includes(name), name);
    return undefined;
  });
});

Deno.test("-P=blas grants what -P does, and the libraries that are looked for", () => {
  assertEquals(blas, { ...plain, ffi: Object.values(candidates).flat() });
});

Deno.test("-P=hub grants what -P does, and the hub's hosts", async () => {
  assertEquals({ ...hub, net: undefined }, { ...plain, net: undefined });
  const hosts = {
    "huggingface.co": "granted",
    "cdn-lfs.huggingface.co": "granted",
    "cas-bridge.xethub.hf.co": "granted",
    "us.gcp.cdn.hf.co": "granted",
    "not-hf.co": "denied",
    "hf.co.example.org": "denied",
    "127.0.0.1": "denied",
  };
  const query = `console.log(JSON.stringify(${JSON.stringify(Object.keys(hosts))}.map((host) =>
    Deno.permissions.requestSync({ name: "net", host }).state)))`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", `--allow-net=${hub.net.join(",")}`, dataUrl(query)],
    stdin: "null",
  }).output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), Object.values(hosts));
});

function dataUrl(source: string): string {
  return `data:application/javascript,${encodeURIComponent(source)}`;
}
