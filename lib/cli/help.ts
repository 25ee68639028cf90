import type { FlagDeclaration, FlagDeclarations, ScriptDescription } from "./flag_declarations.ts";

/** Thrown by `parseFlags` when --help is given: its message is the text to print; the exit code is 0. */
export class HelpRequest extends Error {
  override name = "HelpRequest";
}

const lineWidth = 100, helpColumn = 30;

/** The text of --help: what the script does, how to call it, its flags by group with their defaults. */
export function helpText(
  declarations: FlagDeclarations,
  { script, about, examples }: ScriptDescription,
): string {
  const command = `deno run -P ${script}`;
  const lines = [...wrap(about, 0), "", `Usage: ${command} [flags]`];
  for (const example of examples ?? []) lines.push(`       ${command} ${example}`);
  for (const [group, names] of groups(declarations)) {
    lines.push("", group);
    for (const name of names) lines.push(...flagLines(name, declarations[name]));
  }
  return lines.join("\n");
}

function groups(declarations: FlagDeclarations): Map<string, string[]> {
  const byGroup = new Map<string, string[]>();
  for (const [name, { group = "Options" }] of Object.entries(declarations)) {
    byGroup.set(group, [...byGroup.get(group) ?? [], name]);
  }
  return byGroup;
}

function flagLines(name: string, declaration: FlagDeclaration): string[] {
  const left = `  --${name}${valueName(declaration)}`;
  const text = `${declaration.help}${choices(declaration)}${defaultNote(declaration)}${
    olderNames(declaration)
  }`;
  const lines = wrap(text, helpColumn);
  if (left.length >= helpColumn) return [left, ...lines];
  return [left.padEnd(helpColumn) + lines[0].slice(helpColumn), ...lines.slice(1)];
}

function valueName(declaration: FlagDeclaration): string {
  if (typeof declaration.default === "boolean") return "";
  if (declaration.value) return ` ${declaration.value}`;
  if (Array.isArray(declaration.default)) {
    return typeof declaration.default[0] === "string" ? " WORD ..." : " N ...";
  }
  if ("choices" in declaration && declaration.choices) return " WORD";
  const isText = typeof declaration.default === "string" ||
    ("type" in declaration && declaration.type.startsWith("text"));
  return isText ? " TEXT" : " N";
}

function choices(declaration: FlagDeclaration): string {
  return "choices" in declaration && declaration.choices ? `: ${declaration.choices.join(" or ")}` : "";
}

function olderNames({ aliases = [] }: FlagDeclaration): string {
  return aliases.length > 0 ? `; also ${aliases.map((name) => `--${name}`).join(", ")}` : "";
}

function defaultNote(declaration: FlagDeclaration): string {
  if (declaration.shownDefault !== undefined) return ` (default: ${declaration.shownDefault})`;
  const value = declaration.default;
  if (value === null || value === false) return "";
  if (value === true) return " (default: on)";
  return ` (default: ${Array.isArray(value) ? value.join(" ") : value})`;
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && indent + line.length + 1 + word.length > lineWidth) {
      lines.push(" ".repeat(indent) + line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, " ".repeat(indent) + line];
}
