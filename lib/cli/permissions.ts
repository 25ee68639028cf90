/** What a script may do: whether it is enough, and Deno's own questions where it is not. */
import { join } from "@std/path";
import { printError } from "./log.ts";

/**
 * Kinds of permission that a script cannot do without.
 *
 * @internal
 */
export type Needed = "read" | "write";

/** Kinds that serve a script: without them it goes on, with what it would have looked up left at its default. */
const useful = ["env", "sys"] as const;

/**
 * The kinds of `needed` that are not granted. In a terminal the user is asked first: once for each kind, and for all of it,
 * since Deno would otherwise ask for each file and variable.
 *
 * @param spare the command that spares the questions
 */
export async function missingPermissions(needed: readonly Needed[], spare: string): Promise<Needed[]> {
  const missing = needed.filter((name) => !isGranted(name));
  if (missing.length === 0 || !canAsk()) return missing;
  printError(`Deno asks what this script may do. This command spares the questions: ${spare}`);
  for (const name of [...missing, ...useful.filter(isOpen)]) {
    const { state } = await Deno.permissions.request({ name });
    if (state !== "granted" && missing.includes(name as Needed)) break;
  }
  return needed.filter((name) => !isGranted(name));
}

/** Deno asks where both are a terminal, and does not with --no-prompt, which makes its answer "denied" at once. */
function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/** Whether Deno would ask. A part that is granted already is as the user wants it. */
function isOpen(name: Deno.PermissionName): boolean {
  const { state, partial } = Deno.permissions.querySync({ name } as Deno.PermissionDescriptor);
  return state === "prompt" && !partial;
}

/**
 * Whether anything of this kind is granted. Deno tells of grants for single folders only when asked for a path in them:
 * asked are the current folder, what the command line names, and the results under these.
 */
function isGranted(name: Needed): boolean {
  const statusOf = (path?: string) => Deno.permissions.querySync({ name, path });
  const { state, partial } = statusOf();
  if (state === "granted" || partial) return true;
  const named = Deno.args.map((word) => word.replace(/^--[^=]*=?/, "")).filter((path) => path !== "");
  return [".", ...named].flatMap((path) => [path, join(path, "results")])
    .some((path) => statusOf(path).state === "granted");
}
