/**
 * How a script's main function meets its user: what is missing, what went wrong and what to do, in one line each.
 *
 *     export async function main(args: string[]) { const flags = parseFlags(declarations, description, args); ... }
 *     if (import.meta.main) await runScript(main, import.meta);
 */
import { commandLine } from "./command_line.ts";
import { DataError, UsageError } from "./errors.ts";
import { HelpRequest } from "./help.ts";
import { listenForInterrupts } from "./interrupt.ts";
import { oneLine, printError, printOutput } from "./log.ts";
import { missingPermissions, type Needed } from "./permissions.ts";
import { statusLine } from "./status_line.ts";

/**
 * Run `main` with the command line; end the process with 2 after a UsageError or without a permission, 1 after any other
 * failure, 130 or 143 after Ctrl-C or SIGTERM.
 *
 * @param meta the script's `import.meta`, for its name in messages
 * @param options.permissionSet the named set of deno.json that the script needs, where -P alone is not enough
 * @param options.needs permissions that must be there before the script starts
 */
export async function runScript(
  main: (args: string[]) => Promise<void>,
  meta: { url: string },
  { permissionSet, needs = ["read", "write"] }: { permissionSet?: string; needs?: readonly Needed[] } = {},
): Promise<void> {
  const command = commandLine(meta.url, Deno.args, permissionSet ?? "");
  const missing = Deno.args.includes("--help") ? [] : await missingPermissions(needs, command);
  if (missing.length > 0) {
    printError(`Cannot run without ${missing.join(" and ")} permission. Run this instead: ${command}`);
    Deno.exit(2);
  }
  listenForInterrupts();
  const fail = (error: unknown): never => {
    const debug = Deno.args.includes("--debug"), refused = error instanceof Deno.errors.NotCapable && !debug;
    statusLine.clear();
    printError(refused ? refusal(error, meta.url, command) : errorText(error, debug));
    Deno.exit(refused || error instanceof UsageError ? 2 : 1);
  };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  try {
    await main(Deno.args).catch((error) => {
      if (!(error instanceof HelpRequest)) throw error;
      printOutput(error.message);
    });
  } catch (error) {
    fail(error);
  }
}

/** What Deno did not allow, and the command that has it allowed. */
function refusal({ message }: Error, script: string, command: string): string {
  const device = /"(\/(?:dev|proc)\/[^"]*)"/.exec(message)?.[1];
  if (device !== undefined) {
    return `Cannot open "${device}" here: write what it gives into a file first, and name that file`;
  }
  const access = /^Requires (.*? access.*?), run again/.exec(message)?.[1] ?? message;
  const allowed = access.startsWith("net") ? commandLine(script, Deno.args, "hub") : command;
  return `Cannot run without ${access}. Run this instead: ${allowed}`;
}

/** One line about `error`; with `debug` its stack and those of its causes. */
export function errorText(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (debug) return stacks(error);
  const line = oneLine(error.message);
  if (error instanceof UsageError || error instanceof DataError) return line;
  return `Failed: ${line || error.name} (run again with --debug to see where)`;
}

function stacks(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\nCaused by: ${stacks(error.cause)}` : own;
}
