/**
 * The two kinds of failure that a user can mend, told apart by their exit code.
 *
 * A message is one sentence: the action first, values quoted, what would be right last.
 */

/** A command line that cannot be obeyed: unknown flag, value out of range. Exit code 2. */
export class UsageError extends Error {
  /** For messages and `--debug`. */
  override name = "UsageError";
}

/** A file, a data set or a device that cannot serve: names the file and the place in it. Exit code 1. */
export class DataError extends Error {
  /** For messages and `--debug`. */
  override name = "DataError";
}
