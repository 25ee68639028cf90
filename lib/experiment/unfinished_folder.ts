/** The folder of a run's parts: how its files are called, and what becomes of those that another run left there. */
import { join } from "@std/path";
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { rename } from "../io/disk.ts";
import { readCheckpoint } from "../nn/checkpoint_file.ts";
import { filesIn, removeFolder } from "./folders.ts";
import { differenceOf, type Identity, runIdOf } from "./identity.ts";
import { type PartKey, readPart } from "./part.ts";

/** File of a part. @param genes of the run: a part with all of them is named by its fold alone */
export function partName({ fold, from, to }: PartKey, genes: number): string {
  const isWhole = from === 0 && to === genes;
  return `fold_${fold}${isWhole ? "" : `_genes_${from}_${to}`}.safetensors`;
}

/** Which part a file is; null for other files. */
export function partKey(name: string, genes: number): PartKey | null {
  const match = /^fold_(\d+)(?:_genes_(\d+)_(\d+))?\.safetensors$/.exec(name);
  if (!match) return null;
  const [fold, from = 0, to = genes] = match.slice(1).filter((text) => text !== undefined).map(Number);
  return { fold, from, to };
}

export function checkpointName(fold: number): string {
  return `fold_${fold}_checkpoint.safetensors`;
}

/** Bring back the parts of the run with this identity where another run had set them aside. */
export async function takeBack(folder: string, identity: Identity): Promise<void> {
  const aside = `${folder}.${await runIdOf(identity)}`;
  if ((await filesIn(aside)).length === 0) return;
  await setAsideOthers(folder, identity);
  if ((await filesIn(folder)).length === 0) await removeFolder(folder);
  await rename(aside, folder);
}

/** Delete what this very run left before, and say so; set aside what another run left. */
export async function startAnew(
  folder: string,
  { identity, genes }: { identity: Identity; genes: number },
): Promise<void> {
  await setAsideOthers(folder, identity);
  const parts = (await filesIn(folder)).filter((name) => partKey(name, genes) !== null);
  await removeFolder(folder);
  if (parts.length === 0) return;
  log.warn(
    `Deleted ${
      counted(parts.length, "part")
    } of an earlier run in "${folder}" to start anew (--resume would have ` +
      `gone on from them).`,
  );
}

async function setAsideOthers(folder: string, identity: Identity): Promise<void> {
  const names = (await filesIn(folder)).filter((name) => name.endsWith(".safetensors"));
  const theirs = await identityOf(names.map((name) => join(folder, name)));
  const difference = theirs && differenceOf(theirs, identity);
  if (!theirs || !difference) return;
  const aside = `${folder}.${await runIdOf(theirs)}`;
  await removeFolder(aside);
  await rename(folder, aside);
  log.warn(
    `Another run (${difference}) has left ${
      counted(names.length, "unfinished part")
    }: set aside as "${aside}", from where ` +
      `--resume with that run's flags takes them back.`,
  );
}

/** The identity that parts or checkpoints carry; null where none can be read. */
async function identityOf(paths: readonly string[]): Promise<Identity | null> {
  for (const path of paths) {
    try {
      if (!path.endsWith("_checkpoint.safetensors")) return (await readPart(path)).identity;
      const checkpoint = await readCheckpoint(path);
      if (checkpoint) return checkpoint.values.identity as Identity;
    } catch (error) {
      if (!(error instanceof DataError)) throw error; // damaged: whose it was cannot be told
    }
  }
  return null;
}
