import { assert } from "@std/assert";
import { DataError, UsageError } from "../../lib/cli/errors.ts";
import { errorText } from "../../lib/cli/script.ts";
import { captured } from "./captured_log.ts";

/** No damaged file may keep a reader busy for longer. */
const mostMs = 5000;

/** The sentence with which `body` refuses its input, null where it takes it; anything else is a fault. */
export async function refusalOf(body: () => unknown): Promise<string | null> {
  const startMs = performance.now();
  try {
    await captured(async () => void await body());
    return null;
  } catch (error) {
    if (!(error instanceof DataError || error instanceof UsageError)) throw error;
    const line = errorText(error, false);
    assert(/^[A-Z]\P{Cc}{10,600}$/u.test(line), JSON.stringify(line));
    return line;
  } finally {
    assert(performance.now() - startMs < mostMs, "it took more than 5 s");
  }
}
