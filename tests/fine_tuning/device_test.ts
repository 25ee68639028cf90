/** Adapters that PEFT saved, on the device that `--device auto` takes here: a GPU where there is one, else the CPU. */
import { join } from "@std/path";
import { openBackend } from "../../lib/backend/device.ts";
import { readAdapter } from "../../lib/models/peft_adapter.ts";
import { captured } from "../support/captured_log.ts";
import { assertLogits, logitsOf, savedAdapters } from "../support/peft_adapters.ts";

for (const { version, folder, tokens, expected } of savedAdapters()) {
  const { merged: _merged, saved_norms: _norms, ...readable } = expected;
  Deno.test(`PEFT ${version}: its adapters give its logits on the device that --device auto takes`, async () => {
    const { backend } = await openBackend({ device: "auto" });
    try {
      for (const [name, entry] of Object.entries(readable)) {
        const { result: adapter } = await captured(() => readAdapter(join(folder, ...name.split("/"))));
        assertLogits(await logitsOf(backend, join(folder, "base"), adapter, tokens), entry);
      }
    } finally {
      await backend.close();
    }
  });
}
