import { fromFileUrl, relative, resolve } from "@std/path";

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
  permissionSet?: string,
): string {
  const path = shortPath(fromFileUrl(new URL(script, repository)));
  const granted = permissionSet === undefined ? grantOfNamedLibrary(args) : [];
  const set = granted.length > 0 ? "" : permissionSet ?? currentPermissionSet();
  const words = [set ? `-P=${set}` : "-P", ...granted, path, ...args];
  return ["deno run", ...words.map(shellQuoted)].join(" ");
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

/** The library that --blas names is granted by its path, not by a set. */
function grantOfNamedLibrary(args: readonly string[]): string[] {
  const at = args.findLastIndex((word) => word === "--blas" || word.startsWith("--blas="));
  if (at < 0) return [];
  const library = args[at] === "--blas" ? args[at + 1] ?? "auto" : args[at].slice("--blas=".length);
  return ["auto", "off"].includes(library) ? [] : [`--allow-ffi=${resolve(library)}`];
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
