/** Checkpoints that PyTorch itself saved (tests/fixtures/torch, by make.py). */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../lib/cli/errors.ts";
import type { TensorFile } from "../../lib/io/tensor_file.ts";
import { openTorchCheckpoint } from "../../lib/io/torch_checkpoint.ts";
import { captured } from "../support/captured_log.ts";
import { fixtures } from "../support/live_fixtures.ts";

const root = fixtures("torch");

type Numbers = Record<string, { shape: number[]; values: number[] }>;

async function assertHolds(file: TensorFile, numbers: Numbers): Promise<void> {
  assertEquals([...file.tensors.keys()].sort(), Object.keys(numbers).sort());
  for (const [name, { shape, values }] of Object.entries(numbers)) {
    assertEquals(file.tensors.get(name)!.shape, shape, name);
    assertEquals([...await file.read(name)], values, name);
  }
  file.close();
}

for (const { name: version, isDirectory } of Deno.readDirSync(root)) {
  if (!isDirectory) continue;
  const folder = join(root, version);
  const expected = JSON.parse(Deno.readTextFileSync(join(folder, "expected.json")));

  Deno.test(`PyTorch ${version}: every number type and every view of a storage is read to the last bit`, async () => {
    const file = await openTorchCheckpoint(join(folder, "types.pt"));
    assertEquals([...file.unreadable!.keys()], expected.others);
    await assertHolds(file, expected.types);
  });

  Deno.test(`PyTorch ${version}: of a training state the model is read, not its average, which is said`, async () => {
    const { result, lines } = await captured(() => openTorchCheckpoint(join(folder, "training.pt")));
    await assertHolds(result, expected.training);
    assertEquals(
      lines.map((line) => /those under (\S+) are taken, not those under (\S+)/.exec(line)?.slice(1)),
      [
        [`"model"`, `"ema"`],
      ],
    );
  });

  Deno.test(`PyTorch ${version}: what weights_only refuses for its classes is read for its tensors, or refused by name`, async () => {
    assertEquals(expected.weights_only, {
      "module.pt": false,
      "old_format.pt": true,
      "training.pt": false,
      "types.pt": true,
    });
    const refuses = (name: string, message: string) =>
      assertRejects(() => openTorchCheckpoint(join(folder, name)), DataError, message);
    await refuses("module.pt", "an object of torch.nn.modules.container.Sequential, saved whole");
    await refuses("old_format.pt", "the old format from before PyTorch 1.6");
  });
}
