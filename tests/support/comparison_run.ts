import { join } from "@std/path";
import { main } from "../../scripts/compare.ts";
import { linesPrinted } from "./captured_log.ts";
import { type Screen, writeScreen } from "./comparison_data.ts";
import { inFolder } from "./temporary_folder.ts";

export interface Place {
  readonly screen: Screen;
  path(name: string): string;
  /** Compare into `report`. @returns what was printed */
  run(...args: string[]): Promise<string>;
  /** comparison.json of the report. */
  // deno-lint-ignore no-explicit-any
  comparison(): Promise<any>;
}

/** A made-up screen, and compare.ts with a report beside it. */
export async function inScreen(body: (place: Place) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const screen = await writeScreen(folder), path = (name: string) => join(folder, name);
    await body({
      screen,
      path,
      run: async (...args) => {
        const common = ["--output", path("report"), "--resamples", "50"];
        return (await linesPrinted(() => main([...args, ...common]))).join("\n");
      },
      comparison: async () => JSON.parse(await Deno.readTextFile(path("report/comparison.json"))),
    });
  });
}
