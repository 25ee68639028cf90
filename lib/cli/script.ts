/**
 * How a script's main function meets its user: what is missing, what went wrong and what to do, in one line each.
 *
 *     export async function main(args: string[]) { const flags = parseFlags(declarations, description, args); ... }
 *     if (import.meta.main) await runScript(main, import.meta);
 */
import { fromFileUrl, join, relative } from "@std/path";
import { DataError, UsageError } from "./errors.ts";
import { HelpRequest } from "./help.ts";

/**
 * Run `main` with the command line; end the process with 2 after a UsageError, 1 after any other failure.
 *
 * @param meta the script's `import.meta`, for its name in messages
 * @param options.permissionSet the named set of deno.json that the script needs, where -P alone is not enough
 * @param options.needs permissions that must be there before the script starts
 */
export async function runScript(
  main: (args: string[]) => Promise<void>,
  meta: { url: string },
  options: { permissionSet?: string; needs?: readonly Deno.PermissionName[] } = {},
): Promise<void> {
  const script = relative(Deno.cwd(), fromFileUrl(meta.url));
  const missing = (options.needs ?? ["read", "write"]).filter((name) => !isGranted(name));
  if (missing.length > 0) {
    const flag = options.permissionSet ? `-P=${options.permissionSet}` : "-P";
    const command = ["deno run", flag, script, ...Deno.args].join(" ");
    console.error(`Cannot run without ${missing.join(" and ")} permission. Run this instead: ${command}`);
    Deno.exit(2);
  }
  try {
    await main(Deno.args);
  } catch (error) {
    if (error instanceof HelpRequest) {
      console.log(error.message);
      return;
    }
    console.error(errorText(error, Deno.args.includes("--debug")));
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

/** One line about `error`; with `debug` its stack and those of its causes. */
export function errorText(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (debug) return stacks(error);
  const line = error.message.replaceAll(/\s*\n\s*/g, " ");
  if (error instanceof UsageError || error instanceof DataError) return line;
  return `Failed: ${line || error.name} (run again with --debug to see where)`;
}

function stacks(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\nCaused by: ${stacks(error.cause)}` : own;
}

/**
 * Whether anything of this kind is granted. Deno tells of grants for single folders only when asked for a path in them:
 * asked are the current folder, what the command line names, and the results under these.
 */
function isGranted(name: Deno.PermissionName): boolean {
  const statusOf = (path?: string) => Deno.permissions.querySync({ name, path } as Deno.PermissionDescriptor);
  const { state, partial } = statusOf();
  if (state === "granted" || partial) return true;
  if (name !== "read" && name !== "write") return false;
  const named = Deno.args.map((word) => word.replace(/^--[^=]*=?/, "")).filter((path) => path !== "");
  return [".", ...named].flatMap((path) => [path, join(path, "results")])
    .some((path) => statusOf(path).state === "granted");
}
