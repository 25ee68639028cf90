import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { hubEnvironment } from "../../lib/io/hub_cache.ts";

const { default: plain, blas, hub } = denoJson.permissions;

Deno.test("-P lets a script read every variable about the hub", () => {
  hubEnvironment((name) => {
    assert(plain.env.includes(name), name);
    return undefined;
  });
});

Deno.test("-P=blas and -P=hub grant all that -P does", () => {
  assertEquals({ ...blas, ffi: undefined }, { ...plain, ffi: undefined });
  assertEquals({ ...hub, net: undefined }, { ...plain, env: true, net: undefined });
});
