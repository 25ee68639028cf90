import { assertEquals } from "@std/assert";
import { mayHaveToken } from "../../lib/io/hub_client.ts";

Deno.test("mayHaveToken() holds for the hub's host, and not for a way back from https to http", () => {
  const hub = "https://huggingface.co";
  assertEquals(mayHaveToken(`${hub}/a/b/resolve/main/config.json`, hub), true);
  assertEquals(mayHaveToken("http://huggingface.co/a/b/resolve/main/config.json", hub), false);
  assertEquals(mayHaveToken("https://cdn.huggingface.co/a", hub), false);
  assertEquals(mayHaveToken("http://mirror:8080/a", "http://mirror:8080"), true);
  assertEquals(mayHaveToken("http://mirror:8081/a", "http://mirror:8080"), false);
});
