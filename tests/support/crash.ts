/** A kill at a chosen change of the disk: from then on nothing more is written, renamed or removed. */
import { type DiskStep, observeDisk } from "../../lib/io/disk.ts";
import { forgetFolders } from "../../lib/io/atomic_write.ts";
import { join } from "@std/path";
import { captured } from "./captured_log.ts";

export interface CrashPoint {
  /** Which step the run does not live to make, from 0. */
  readonly at: number;
  /** Of a write: whether half of it still reaches the disk. */
  readonly half: boolean;
}

/** Run `body` to its end. @returns the changes that it makes below `folder` */
export async function stepsOf(folder: string, body: () => Promise<void>): Promise<DiskStep[]> {
  const steps: DiskStep[] = [];
  using _observed = observeDisk((step) => {
    if (step.path.startsWith(folder)) steps.push(step);
    if (step.kind === "flush") return 0;
  });
  await captured(body);
  return steps;
}

/** Run `body` without waiting for the disk. */
export async function runUnflushed(body: () => Promise<void>): Promise<void> {
  using _observed = observeDisk(({ kind }) => kind === "flush" ? 0 : undefined);
  await captured(body);
}

/** Run `body` until its process "is killed". Locks go as the system lets them go, and nothing is tidied up. */
export async function crashAt(point: CrashPoint, folder: string, body: () => Promise<void>): Promise<void> {
  let next = 0, isDead = false;
  {
    using _observed = observeDisk(({ kind, path }, bytes) => {
      if (isDead) throw new Error("killed");
      if (!path.startsWith(folder) || next++ !== point.at) return kind === "flush" ? 0 : undefined;
      isDead = true;
      if (point.half && kind === "write" && bytes > 1) return Math.floor(bytes / 2);
      throw new Error("killed");
    });
    await captured(() => body().catch(() => {}));
  }
  if (!isDead) throw new RangeError(`There is no step ${point.at}`);
  forgetFolders();
}

/** Run `body` on a disk that is full from its `at`-th change on: nothing can be created or written. @returns what it throws */
export async function withFullDisk(at: number, folder: string, body: () => Promise<void>): Promise<unknown> {
  let next = 0;
  using _observed = observeDisk(({ kind, path }) => {
    if (path.startsWith(folder) && next++ >= at && (kind === "create" || kind === "write")) {
      throw new Error("No space left on device (os error 28)");
    }
    return kind === "flush" ? 0 : undefined;
  });
  let thrown: unknown = null;
  await captured(() => body().catch((error) => thrown = error));
  return thrown;
}

/**
 * The points at which a run that makes these steps can be killed: before each, and in the middle of each write.
 *
 * @param every only each so many-th of them, unless CRASH_POINTS=all is set
 */
export function crashPoints(steps: readonly DiskStep[], every = 1): CrashPoint[] {
  const points = steps.flatMap(({ kind }, at) =>
    kind === "write" ? [{ at, half: false }, { at, half: true }] : [{ at, half: false }]
  );
  const stride = Deno.env.get("CRASH_POINTS") === "all" ? 1 : every;
  return points.filter((_, i) => i % stride === 0);
}

export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
