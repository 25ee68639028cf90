/** The range of a plot's axes, where the user names one. */
import { UsageError } from "../cli/errors.ts";
import type { FlagDeclarations } from "../cli/flags.ts";

export const plotLimitsFlags = {
  "plot-limits": {
    default: [],
    integer: false,
    value: "LOW HIGH",
    group: "Output",
    shownDefault: "as far as the points go",
    help: "range of both axes of the plots; -1 1 is the Python's",
  },
} as const satisfies FlagDeclarations;

/** The two numbers of --plot-limits; null where the flag is not given. @throws {UsageError} when they are not a range */
export function plotLimits(values: readonly number[]): readonly [number, number] | null {
  if (values.length === 0) return null;
  const [low, high] = values;
  if (values.length !== 2 || !(low < high)) {
    throw new UsageError(
      `Cannot use --plot-limits ${values.join(" ")}: give the lower and the upper end, such as -1 1`,
    );
  }
  return [low, high];
}
