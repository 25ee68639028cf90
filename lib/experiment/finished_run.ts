import { join } from "@std/path";
import { log } from "../cli/log.ts";
import { describeFile } from "../io/file_fact.ts";
import { type Manifest, readManifest } from "./manifest.ts";

/** Flags that decide which files a result has, as a manifest names them. */
export type OutputFlags = Readonly<Record<string, unknown>>;

const outputFlags = ["saveModel", "importance", "predictionsFormat", "plotFormat", "plotLimits", "bootstrap"];

/** Of all flags those that decide which files a result has, but nothing of what is learned. */
export function outputFlagsOf(flags: Readonly<Record<string, unknown>>): OutputFlags {
  return Object.fromEntries(outputFlags.filter((name) => name in flags).map((name) => [name, flags[name]]));
}

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
      `Nothing to do: "${this.#folder}" holds the finished result of this run (without --resume or --merge it is run anew).`,
    );
  }

  /** Whether the result is all that this run would write. If not, says why; it counts as no result then. */
  async isAsAsked(asked: OutputFlags): Promise<boolean> {
    const manifest = await this.#manifest();
    if (manifest === null) return false;
    const problem = await changedFile(this.#folder, manifest) ?? otherFlag(manifest, asked);
    if (problem === null) return true;
    log.warn(`The result in "${this.#folder}" is of this run, but ${problem}: running it anew.`);
    this.#writtenAtMs = null;
    return false;
  }

  /** Whether another run has written it since. Says so. */
  async cameMeanwhile(): Promise<boolean> {
    const modifiedMs = await this.#modifiedMs();
    if (modifiedMs === null || modifiedMs === this.#writtenAtMs) return false;
    log.info("Another run has put the parts together.");
    return true;
  }

  /** When the result was written; null where there is none of this run. */
  async #modifiedMs(): Promise<number | null> {
    if (await this.#manifest() === null) return null;
    try {
      return (await Deno.stat(join(this.#folder, "manifest.json"))).mtime!.getTime();
    } catch {
      return null; // taken away at this moment
    }
  }

  async #manifest(): Promise<Manifest | null> {
    const manifest = await readManifest(this.#folder).catch(() => null); // damaged: no result
    return manifest?.run_id === this.#runId ? manifest : null;
  }
}

/** What is wrong with the first file that is not as the manifest says. */
async function changedFile(folder: string, { files }: Manifest): Promise<string | null> {
  for (const { path, bytes, sha256 } of files) {
    const found = await describeFile(join(folder, path)).catch(() => null);
    if (found === null) return `"${path}" is missing`;
    if (found.bytes !== bytes || found.sha256 !== sha256) return `"${path}" was changed since`;
  }
  return null;
}

/** A flag by which the result has other files than those that are asked for. */
function otherFlag({ flags }: Manifest, asked: OutputFlags): string | null {
  for (const [name, value] of Object.entries(asked)) {
    if (flags?.[name] === undefined || JSON.stringify(flags[name]) === JSON.stringify(value)) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return `made with --${flag} ${JSON.stringify(flags[name])}`;
  }
  return null;
}
