import { assertEquals } from "@std/assert";
import { mayHaveToken, missingGrant } from "../../lib/io/hub_hosts.ts";

const hub = "https://huggingface.co";

Deno.test("mayHaveToken() holds for the hub's host, and not for a way back from https to http", () => {
  assertEquals(mayHaveToken(`${hub}/a/b/resolve/main/config.json`, hub), true);
  assertEquals(mayHaveToken("http://huggingface.co/a/b/resolve/main/config.json", hub), false);
  assertEquals(mayHaveToken("https://cdn.huggingface.co/a", hub), false);
  assertEquals(mayHaveToken("http://localhost/a", "https://localhost"), false);
});

Deno.test("mayHaveToken() holds over http for this machine alone", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    assertEquals(mayHaveToken(`http://${host}:8080/a`, `http://${host}:8080`), true, host);
  }
  assertEquals(mayHaveToken("http://localhost:8081/a", "http://localhost:8080"), false);
  for (const host of ["mirror", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", "[fe80::1]"]) {
    assertEquals(mayHaveToken(`http://${host}:8080/a`, `http://${host}:8080`), false, host);
  }
});

Deno.test("missingGrant() names the set for the hub's hosts, and the flag for others", async () => {
  const storage = "https://cas-bridge.xethub.hf.co/file", mirror = "https://mirror.invalid:8443";
  assertEquals(await missingGrant("http://127.0.0.1:80/a", ["http://127.0.0.1:80"]), null);
  assertEquals(await missingGrant(`${hub}/a`, [hub]), "-P=hub");
  assertEquals(await missingGrant(storage, [hub]), "-P=hub");
  assertEquals(await missingGrant(mirror, [mirror]), "-P=hub --allow-net=mirror.invalid:8443");
  assertEquals(
    await missingGrant(storage, [mirror]),
    "-P=hub --allow-net=mirror.invalid:8443,cas-bridge.xethub.hf.co",
  );
  assertEquals(
    await missingGrant("https://hf.co.invalid/a", [hub]),
    "-P=hub --allow-net=huggingface.co,hf.co.invalid",
  );
});
