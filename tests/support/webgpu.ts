/** Registers tests that need a WebGPU adapter; a software adapter will do. */
import { findAdapter } from "../../lib/backend/webgpu/adapter.ts";

const adapter = await findAdapter().catch(() => null);
const required = Deno.env.get("HS27_REQUIRE_WEBGPU") === "1";

/**
 * Without an adapter the test is listed as ignored, with the reason in its name; it fails instead where
 * HS27_REQUIRE_WEBGPU=1 says that an adapter has to be there.
 */
export function webGpuTest(name: string, body: () => Promise<void>): void {
  if (adapter) Deno.test(name, body);
  else if (required) {
    Deno.test(name, () => Promise.reject(new Error("HS27_REQUIRE_WEBGPU=1, but there is no adapter")));
  } else Deno.test({ name: `${name} [left out: no WebGPU adapter]`, ignore: true, fn: () => {} });
}
