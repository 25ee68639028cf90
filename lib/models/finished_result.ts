import { join } from "@std/path";
import { log } from "../cli/log.ts";
import { fingerprint } from "./fingerprint.ts";

/** Whether a result folder holds the finished result of a run: its summary.json, written last, says of which run. */
export class FinishedResult {
  readonly #folder: string;
  #writtenAtMs: number | null = null;

  /** @param runId for summary.json, as `run_id`: stands for all settings and data */
  private constructor(folder: string, readonly runId: string) {
    this.#folder = folder;
  }

  /** Look into a result folder. @param identity everything that the numbers of this run depend on */
  static async lookFor(folder: string, identity: Record<string, unknown>): Promise<FinishedResult> {
    const result = new FinishedResult(folder, (await fingerprint([JSON.stringify(identity)])).slice(0, 16));
    result.#writtenAtMs = await result.#modifiedMs();
    return result;
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

  /** Null where there is none of this run. */
  async #modifiedMs(): Promise<number | null> {
    const path = join(this.#folder, "summary.json");
    try {
      const { run_id } = JSON.parse(await Deno.readTextFile(path));
      return run_id === this.runId ? (await Deno.stat(path)).mtime!.getTime() : null;
    } catch {
      return null; // missing or damaged: no result
    }
  }
}
