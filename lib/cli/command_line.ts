import { fromFileUrl, relative } from "@std/path";

/**
 * A command that a user can paste: `deno run -P scripts/x.ts --data-dir 'my data'`.
 *
 * @param script path or file: URL of the script
 * @param permissionSet named set of deno.json; by default the one under which this process runs
 */
export function commandLine(
  script: string,
  args: readonly string[],
  permissionSet = currentPermissionSet(),
): string {
  const path = script.startsWith("file:") ? shortPath(fromFileUrl(script)) : script;
  const set = permissionSet ? `-P=${permissionSet}` : "-P";
  return ["deno run", set, ...[path, ...args].map(shellQuoted)].join(" ");
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
