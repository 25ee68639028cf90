/**
 * Where reference numbers lie: the part that may be published is in tests/golden; the rest, and inputs at full size,
 * stand in a folder "shared" beside the checkout where there is one (HS27_SHARED names another place).
 */
import { fromFileUrl, join } from "@std/path";

const repository = fromFileUrl(new URL("../../", import.meta.url));
const shared = Deno.env.get("HS27_SHARED") ?? join(repository, "..", "shared");

/** Path of a reference file or folder such as "classical/unit/kfold.json", or null where this machine lacks it. */
export function golden(path: string): string | null {
  return firstThatExists(join(repository, "tests", "golden", path), join(shared, "golden", path));
}

/** Path of an input at full size such as "hs27", or null where this machine lacks it. */
export function fullSizeData(path: string): string | null {
  return firstThatExists(join(shared, "data", path));
}

/** Register a test that needs a path; without it the test is listed as ignored, with the reason in its name. */
export function testWith(
  path: string | null,
  name: string,
  body: (path: string, test: Deno.TestContext) => void | Promise<void>,
): void {
  if (path === null) Deno.test({ name: `${name} [left out: needs ../shared]`, ignore: true, fn: () => {} });
  else Deno.test(name, (test) => body(path, test));
}

function firstThatExists(...paths: string[]): string | null {
  for (const path of paths) {
    try {
      Deno.statSync(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}
