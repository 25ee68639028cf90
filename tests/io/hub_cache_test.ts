import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { CachedRepository, hubEnvironment } from "../../lib/io/hub_cache.ts";

Deno.test("hubEnvironment() follows the variables that Python's library does", () => {
  const of = (variables: Record<string, string>) =>
    hubEnvironment((name) => variables[name], () => "/of/the/system");
  assertEquals(of({ HOME: "/u" }).cacheFolder, join("/u", ".cache", "huggingface", "hub"));
  assertEquals(of({ HOME: "/u", XDG_CACHE_HOME: "/x" }).cacheFolder, join("/x", "huggingface", "hub"));
  assertEquals(of({ HOME: "/u", HF_HOME: "/h" }).cacheFolder, join("/h", "hub"));
  assertEquals(of({ HF_HOME: "/h", HF_HUB_CACHE: "/c" }).cacheFolder, "/c");
  assertEquals(of({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/older" }).cacheFolder, "/older");
  assertEquals(of({ HF_HUB_CACHE: "/c", HUGGINGFACE_HUB_CACHE: "/older" }).cacheFolder, "/c");
  assertEquals(of({ HOME: "/u", HF_HOME: "~/h" }).cacheFolder, join("/u", "h", "hub"));
  assertEquals(of({ HOME: "/u", XDG_CACHE_HOME: "~/x" }).cacheFolder, join("/u", "x", "huggingface", "hub"));
  assertEquals(of({ HOME: "/u", HF_HUB_CACHE: "~" }).cacheFolder, "/u");
  assertEquals(of({ HOME: "/u", HF_HOME: "$HOME/h" }).cacheFolder, join("/u/h", "hub"));
  assertEquals(of({ HOME: "/u", HF_HUB_CACHE: "${SCRATCH}/h", SCRATCH: "/s" }).cacheFolder, "/s/h");
  assertEquals(of({ HOME: "/u", HF_HUB_CACHE: "$UNKNOWN/h", UNKNOWN: "/s" }).cacheFolder, "$UNKNOWN/h");
  assertEquals(of({}).cacheFolder, join("/of/the/system", ".cache", "huggingface", "hub"));
  assertEquals(of({ USERPROFILE: "/w" }).cacheFolder, join("/w", ".cache", "huggingface", "hub"));
  assertEquals(of({ HOME: "/u", TRANSFORMERS_CACHE: "/t" }).cacheFolder, "/t");
  assertEquals(of({ HF_HUB_CACHE: "/c", TRANSFORMERS_CACHE: "/t" }).cacheFolder, "/c");
  // transformers 5 reads HF_HOME alone; of the two old names 4 took the first.
  assertEquals(of({ HF_HOME: "/h", TRANSFORMERS_CACHE: "/t" }).cacheFolder, join("/h", "hub"));
  assertEquals(of({ TRANSFORMERS_CACHE: "/t", PYTORCH_TRANSFORMERS_CACHE: "/p" }).cacheFolder, "/t");
  assertEquals(of({ XDG_CACHE_HOME: "/x", PYTORCH_TRANSFORMERS_CACHE: "/p" }).cacheFolder, "/p");
  assertEquals(of({ HOME: "/u", HF_HOME: "/h~/~" }).cacheFolder, join("/h~/~", "hub"));
  assertEquals(of({ HF_ENDPOINT: "http://mirror:8080/" }).endpoint, "http://mirror:8080");
  assertEquals(of({ HF_TOKEN: " t " }).token, "t");
  for (const name of ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]) {
    for (const value of ["1", "ON", "yes", "True"]) assertEquals(of({ [name]: value }).offline, name);
    for (const value of ["0", ""]) assertEquals(of({ [name]: value }).offline, null);
  }
  assertEquals(of({ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" }).offline, null);
  assertThrows(() => of({ HF_ENDPOINT: "mirror" }), UsageError, `Cannot use HF_ENDPOINT "mirror"`);
  const home = Deno.makeTempDirSync();
  Deno.writeTextFileSync(join(home, "token"), "saved\n");
  assertEquals(of({ HF_HOME: home }).token, "saved");
  assertEquals(of({ HF_TOKEN_PATH: join(home, "token") }).token, "saved");
  assertEquals(of({ HF_HOME: home, HUGGING_FACE_HUB_TOKEN: "older" }).token, "older");
  assertEquals(of({ HF_TOKEN: "newer", HUGGING_FACE_HUB_TOKEN: "older" }).token, "newer");
  Deno.removeSync(home, { recursive: true });
});

Deno.test("A branch's file in the cache is a commit, never a path", () => {
  const cache = Deno.makeTempDirSync(), repository = new CachedRepository(cache, "someone/model");
  Deno.mkdirSync(join(repository.folder, "refs"), { recursive: true });
  assertEquals(repository.commitOf("main"), null);
  Deno.writeTextFileSync(join(repository.folder, "refs", "main"), `${"0a".repeat(20)}\n`);
  assertEquals(repository.commitOf("main"), "0a".repeat(20));
  for (const text of ["../../../other", "/etc", "..", "a\\b"]) {
    Deno.writeTextFileSync(join(repository.folder, "refs", "main"), text);
    assertThrows(() => repository.commitOf("main"), DataError, "expected a commit");
  }
  Deno.removeSync(cache, { recursive: true });
});
