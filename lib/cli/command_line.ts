import { fromFileUrl, relative } from "@std/path";

/**
 * A command that a user can paste: `deno run -P scripts/x.ts --data-dir 'my data'`.
 *
 * @param script path or file: URL of the script
 * @param permissionSet named set of deno.json where -P alone is not enough
 */
export function commandLine(script: string, args: readonly string[], permissionSet?: string): string {
  const path = script.startsWith("file:") ? relative(Deno.cwd(), fromFileUrl(script)) : script;
  return ["deno run", permissionSet ? `-P=${permissionSet}` : "-P", ...[path, ...args].map(shellQuoted)].join(
    " ",
  );
}

/** A word as a POSIX shell reads it back. */
export function shellQuoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
