/** What a model of one's own imports is documented, and its examples run. */
import { assert } from "@std/assert";
import { join } from "@std/path";

const repository = join(import.meta.dirname!, "..");

Deno.test("every symbol of lib/mod.ts is documented, its types with it", () =>
  deno("doc", "--lint", "lib/mod.ts"));

Deno.test("the examples in the comments of lib/mod.ts run", () =>
  deno("test", "--doc", "--quiet", "--lock=tests/deno.lock", "-P=test", "lib/mod.ts"));

async function deno(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: repository,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert(success, [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n"));
}
