/** Flags of closed-form models whose settings can be chosen inside each fold. */
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations } from "../cli/flags.ts";
import type { Settings } from "./choice.ts";

export const tuningFlags = {
  "tune": {
    default: false,
    group: "Tuning",
    help:
      "choose the settings that the command line does not name in each fold, by the squared error on inner folds of its training rows",
  },
  "inner-folds": { default: 5, min: 2, group: "Tuning", help: "folds of the training rows for --tune" },
  "lambda-grid": {
    default: [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000],
    above: 0,
    integer: false,
    group: "Tuning",
    help: "ridge penalties that --tune tries",
  },
} as const satisfies FlagDeclarations;

/** A setting: its flag, the value without tuning, and what --tune tries. */
export interface Tunable {
  readonly flag: string;
  readonly value: number;
  readonly grid: readonly number[];
}

/**
 * All combinations of settings to choose from: the grid of each that the command line did not fix by its own flag. The first
 * setting varies slowest.
 *
 * @param settings by the names that the summary gives them
 * @throws {UsageError} when --tune has nothing to choose, or is not given but one of its flags is
 */
export function tuningGrid<Name extends string>(
  flags: { tune: boolean; given: ReadonlySet<string> },
  settings: Readonly<Record<Name, Tunable>>,
): Record<Name, number>[] | null {
  if (!flags.tune) {
    const idle = [...flags.given].find((flag) => flag === "inner-folds" || flag.endsWith("-grid"));
    if (idle === undefined) return null;
    throw new UsageError(`Cannot use --${idle} without --tune: it says how settings are chosen`);
  }
  let grid: Record<string, number>[] = [{}];
  for (const [name, { flag, value, grid: values }] of Object.entries<Tunable>(settings)) {
    const tried = flags.given.has(flag) ? [value] : [...new Set(values)].sort((a, b) => a - b);
    grid = grid.flatMap((some) => tried.map((one) => ({ ...some, [name]: one })));
  }
  if (grid.length > 1) return grid as Record<Name, number>[];
  const names = Object.values<Tunable>(settings).map(({ flag }) => `--${flag}`).join(" and ");
  throw new UsageError(
    `Cannot use --tune: there is nothing to choose (leave out ${names}, or give a grid several values)`,
  );
}

/** What tells runs of other grids apart. */
export function tuningIdentity(
  grid: readonly Settings[] | null,
  innerFolds: number,
): Record<string, unknown> {
  return grid === null ? {} : { "--tune": grid, "--inner-folds": innerFolds };
}
