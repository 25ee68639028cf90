/** What bench/all.ts has measured so far, kept in a file so that a run can be stopped and go on. */
import { createHash } from "node:crypto";
import { fromFileUrl } from "@std/path";
import { DataError, UsageError } from "../lib/cli/errors.ts";
import { writeFileAtomic } from "../lib/io/atomic_write.ts";
import type { Roof } from "./roofline.ts";
import type { Row } from "./rows.ts";

/** What must be the same for samples to stand in one table. */
export interface Circumstances {
  /** "1a2b3c4", with a hash of what is not committed where something is not. */
  readonly commit: string;
  readonly machine: string;
  /** Of the peer. */
  readonly versions: string;
  readonly tiny: boolean;
}

export interface Run {
  /** The command: "mlp.ts --device cpu". */
  readonly bench: string;
  readonly round: number;
  readonly rows: readonly Row[];
}

export interface Samples extends Circumstances {
  /** When each run of all.ts that measured something began, ISO 8601. */
  readonly starts: string[];
  roof: Roof | null;
  readonly runs: Run[];
}

/** @throws {UsageError} naming what differs @throws {DataError} where the file is none of ours */
export async function openSamples(path: string | null, now: Circumstances): Promise<Samples> {
  const none: Samples = { ...now, starts: [], roof: null, runs: [] };
  if (path === null) return none;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return none;
    throw error;
  }
  let kept: Samples;
  try {
    kept = JSON.parse(text);
  } catch {
    throw new DataError(`Cannot go on with "${path}": it is no JSON (name another file with --samples)`);
  }
  if (!Array.isArray(kept?.runs) || !Array.isArray(kept.starts)) {
    throw new DataError(
      `Cannot go on with "${path}": it holds no samples of bench/all.ts (name another file with --samples)`,
    );
  }
  for (const name of ["commit", "machine", "versions", "tiny"] as const) {
    if (kept[name] !== now[name]) {
      throw new UsageError(
        `Cannot go on with "${path}": its ${name} is "${kept[name]}", now "${
          now[name]
        }" (name another file with --samples)`,
      );
    }
  }
  return kept;
}

/** Written anew after every bench. */
export async function keepSamples(path: string | null, samples: Samples): Promise<void> {
  if (path !== null) await writeFileAtomic(path, JSON.stringify(samples, null, 1) + "\n");
}

/** The rows of each subject and engine, in the order in which they were met first; engines of a subject side by side. */
export function bySubject({ runs }: Samples): Row[][] {
  const found = new Map<string, Map<string | null, Row[]>>();
  for (const row of runs.flatMap(({ rows }) => rows)) {
    const engines = found.getOrInsertComputed(row.subject, () => new Map());
    engines.getOrInsertComputed(row.engine, () => []).push(row);
  }
  return [...found.values()].flatMap((engines) => [...engines.values()]);
}

/** The commit of this tree; "unknown" without git. */
export async function commitOfTree(): Promise<string> {
  const cwd = fromFileUrl(new URL("..", import.meta.url));
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, cwd }).output();
    if (!success) throw new Error("no repository");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const commit = await git("rev-parse", "--short=7", "HEAD");
    const changes = await git("diff", "HEAD", "--", ".", ":!*.md");
    return changes === ""
      ? commit
      : `${commit}+${createHash("sha256").update(changes).digest("hex").slice(0, 7)}`;
  } catch {
    return "unknown";
  }
}

/** "AMD EPYC, 2 threads, 24 GiB". */
export function thisMachine(): string {
  let model = "unknown processor";
  try {
    model = /model name\s*:\s*(.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? model;
  } catch { // another system than Linux
  }
  return `${model}, ${navigator.hardwareConcurrency} threads, ${
    Math.round(Deno.systemMemoryInfo().total / 2 ** 30)
  } GiB`;
}
