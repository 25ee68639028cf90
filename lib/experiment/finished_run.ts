import { join } from "@std/path";
import { log } from "../cli/log.ts";
import { readManifest } from "./manifest.ts";

/** Whether a result folder holds the finished result of a run: its manifest says of which run, and its files are there. */
export class FinishedRun {
  readonly #folder: string;
  readonly #runId: string;
  #writtenAtMs: number | null = null;

  private constructor(folder: string, runId: string) {
    this.#folder = folder;
    this.#runId = runId;
  }

  /** Look into a result folder. @param runId stands for all settings and data of the run */
  static async lookFor(folder: string, runId: string): Promise<FinishedRun> {
    const run = new FinishedRun(folder, runId);
    run.#writtenAtMs = await run.#modifiedMs();
    return run;
  }

  /** Whether it was there when `lookFor` looked. */
  get wasThere(): boolean {
    return this.#writtenAtMs !== null;
  }

  tell(): void {
    log.info(
      `Nothing to do: "${this.#folder}" holds the finished result of this run (leave out --resume to run it anew).`,
    );
  }

  /** Whether another run has written it since. Says so. */
  async cameMeanwhile(): Promise<boolean> {
    const modifiedMs = await this.#modifiedMs();
    if (modifiedMs === null || modifiedMs === this.#writtenAtMs) return false;
    log.info("Another run has put the parts together.");
    return true;
  }

  /** Null where there is none of this run, or one of its files is missing or of another size. */
  async #modifiedMs(): Promise<number | null> {
    try {
      const manifest = await readManifest(this.#folder);
      if (manifest?.run_id !== this.#runId) return null;
      for (const { path, bytes } of manifest.files) {
        if ((await Deno.stat(join(this.#folder, path))).size !== bytes) return null;
      }
      return (await Deno.stat(join(this.#folder, "manifest.json"))).mtime!.getTime();
    } catch {
      return null; // missing or damaged: no result
    }
  }
}
