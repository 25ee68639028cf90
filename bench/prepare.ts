/**
 * prepare_data.ts beside scanpy in backed mode, as whole processes in one run: counts of 200,000 cells x 8,000 genes (CSR,
 * made up, 1 GB) to log-normalised means of 400 TFs against controls. The peer writes one table, the script all files.
 *
 *   deno run -A bench/prepare.ts --python some/venv/bin/python            (with anndata, scanpy and h5py; takes 2 minutes)
 *   deno run -A bench/prepare.ts --python some/venv/bin/python --cells 20000
 */
import { fromFileUrl, join } from "@std/path";
import { benchFlags } from "./peer.ts";

const flags = benchFlags({
  "python": { default: "/usr/bin/python3", help: "Python with anndata, scanpy and h5py" },
  "cells": { default: 200_000, min: 1000, help: "rows" },
  "genes": { default: 8000, min: 1000, help: "columns" },
  "stored": { default: 640, min: 1, help: "counts that are not 0 in a cell" },
}, { script: "bench/prepare.ts", about: "From a screen to targets beside scanpy in backed mode." });

const here = (path: string) => fromFileUrl(new URL(path, import.meta.url));

async function python(...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(flags.python, {
    args: [here("prepare_peer.py"), ...args],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`prepare_peer.py ${args[0]} failed`);
  return new TextDecoder().decode(stdout);
}

const folder = await Deno.makeTempDir();
try {
  const screen = join(folder, "screen.h5ad");
  await python("make", screen, String(flags.cells), String(flags.genes), String(flags.stored));
  const script = [
    Deno.execPath(),
    "run",
    "-q",
    "-P",
    "--no-lock",
    here("../scripts/prepare_data.ts"),
    "--h5ad",
    screen,
  ];
  const commands = {
    "scanpy, backed": [flags.python, here("prepare_peer.py"), "backed", screen, join(folder, "peer.csv")],
    "targets": [...script, "--output", join(folder, "a"), "--de", "none", "--no-halves"],
    "targets, tests, halves": [...script, "--output", join(folder, "b")],
  };
  let peer = NaN;
  for (const [name, command] of Object.entries(commands)) {
    const { wall, cpu, peakGb } = JSON.parse(await python("measure", ...command));
    if (Number.isNaN(peer)) peer = cpu;
    console.log(
      `${name.padEnd(24)} ${cpu.toFixed(1)} s processor, ${wall.toFixed(1)} s clock, ${
        peakGb.toFixed(2)
      } GB, ` +
        `ratio of processor time ${(cpu / peer).toFixed(2)}`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
