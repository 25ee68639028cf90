#!/usr/bin/env -S deno run -P
/**
 * Models beside one another, judged in the same way: tables, figures and one page that works without network.
 *
 *   deno run -P scripts/compare.ts --results results --output report
 *   deno run -P scripts/compare.ts --results results/mlp_nt results/linear_pca --predictions gears=gears.csv
 *   deno run -P scripts/compare.ts --predictions a=a.parquet b=b.csv --targets screen.csv --cv-splits-file splits.pkl
 */
import { parseFlags } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/script.ts";
import { compare } from "../lib/comparison/compare.ts";
import { compareFlags } from "../lib/comparison/flags.ts";

export async function main(args: string[]): Promise<void> {
  const flags = parseFlags(compareFlags, {
    script: "scripts/compare.ts",
    about:
      "Compares models on the same held-out perturbations: all metrics, every pair, and a page to look into.",
    examples: [
      "--results results --output report",
      "--results results/mlp_nt results/linear_pca --predictions gears=gears.csv",
    ],
  }, args);
  await compare(flags);
}

if (import.meta.main) await runScript(main, import.meta);
