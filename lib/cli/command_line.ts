import { fromFileUrl, relative } from "@std/path";

const repository = new URL("../../", import.meta.url);

/**
 * A command that a user can paste: `deno run -P scripts/x.ts --data-dir 'my data'`.
 *
 * @param script its URL, or its path from the root of this repository; the command names it as seen from the current folder
 * @param permissionSet named set of deno.json; by default the one under which this process runs
 */
export function commandLine(
  script: string,
  args: readonly string[],
  permissionSet = currentPermissionSet(),
): string {
  const path = shortPath(fromFileUrl(new URL(script, repository)));
  const set = permissionSet ? `-P=${permissionSet}` : "-P";
  return ["deno run", set, ...[path, ...args].map(shellQuoted)].join(" ");
}

/** The command that goes on with this run: its own, with --resume. */
export function resumeCommand(): string {
  const args = Deno.args.includes("--resume") ? Deno.args : [...Deno.args, "--resume"];
  return commandLine(Deno.mainModule, args);
}

/** A word as a POSIX shell reads it back. */
export function shellQuoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function shortPath(path: string): string {
  const fromHere = relative(Deno.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

/** The set that allows what this process may do: BLAS computes other last bits, so a run goes on with it. */
function currentPermissionSet(): string {
  const allows = (name: Deno.PermissionName) => {
    const { state, partial } = Deno.permissions.querySync({ name } as Deno.PermissionDescriptor);
    return state === "granted" || partial === true;
  };
  if (allows("ffi")) return "blas";
  return allows("net") ? "hub" : "";
}
