import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import denoJson from "../../deno.json" with { type: "json" };
import { candidates } from "../../lib/backend/cpu/blas_places.ts";
import { hubEnvironment } from "../../lib/io/hub_cache.ts";
import { inFolder } from "../support/temporary_folder.ts";

const repository = join(import.meta.dirname!, "../..");

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

Deno.test("a script runs where only the tree and its results are granted, and is held to them", async () => {
  await inFolder(async (parent) => {
    const cwd = join(parent, "my work");
    await Deno.mkdir(join(cwd, "results"), { recursive: true });
    const script = join(repository, "scripts/hs27_lel.ts");
    const run = async (...flags: string[]) => {
      const grants = [`--allow-read=${repository},results`, "--allow-write=results"];
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", ...grants, script, ...flags],
        cwd,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
      return { code, text: new TextDecoder().decode(stderr) };
    };
    const { code, text } = await run();
    assertEquals(code, 0, text);
    assertEquals([...Deno.readDirSync(cwd)].map(({ name }) => name), ["results"]);
    const elsewhere = await run("--output-dir", "other");
    assertEquals(elsewhere.code, 1, elsewhere.text);
    assertMatch(elsewhere.text, /"other": Deno was not given read access to it/);
  });
});
