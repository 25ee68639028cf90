import { join } from "@std/path";
import { golden } from "./golden.ts";

/** A copy of a synthetic data set that a test may damage; gone when it is disposed of. */
export class DatasetCopy implements AsyncDisposable {
  private constructor(readonly root: string) {}

  /** @param name "s" (regular), "t" (irregular ids) or "u" (missing values) */
  static async of(name: "s" | "t" | "u"): Promise<DatasetCopy> {
    const root = await Deno.makeTempDir();
    await copyFolder(golden(`synthetic/datasets/${name}`)!, root);
    return new DatasetCopy(root);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  get repoRoot(): string {
    return this.path("data");
  }

  get targets(): string {
    return this.path("data/artifacts/targets_377_overlap.csv");
  }

  /** Replace a text file by what `change` makes of it. */
  async edit(name: string, change: (text: string) => string): Promise<void> {
    await Deno.writeTextFile(this.path(name), change(await Deno.readTextFile(this.path(name))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const source = join(from, name), target = join(to, name);
    if (isDirectory) {
      await Deno.mkdir(target);
      await copyFolder(source, target);
    } else {
      await Deno.writeFile(target, await Deno.readFile(source)); // not copyFile: the copy may be written
    }
  }
}
