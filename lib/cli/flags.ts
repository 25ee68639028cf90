/**
 * Command-line flags, declared once with their defaults: `parseFlags` reads them, `helpText` prints them.
 *
 *     const flags = parseFlags({
 *       "k-components": { default: 10, min: 1, help: "PCA components of a gene embedding" },
 *       "hidden-dims": { default: [1024, 512], help: "widths of the hidden layers" },
 *       "restore": { default: "best", choices: ["best", "last"], help: "which weights to keep" },
 *       "cv-splits-file": { default: null, type: "text", value: "FILE", help: "cross-validation splits" },
 *       "progress": { default: false, help: "show a progress bar" },
 *     }, { script: "scripts/x.ts", about: "One line on the script." }, args);
 *     flags.kComponents; // number; flags.hiddenDims: number[]; flags.cvSplitsFile: string | null; ...
 *     flags.given.has("k-components"); // whether the command line named it
 *
 * `--flag value`, `--flag=value` and `--flag_name` spellings are taken; a flag of several numbers or words takes all
 * that follow it (`--hidden-dims 1024 512 256`); a switch is `--progress`, `--no-progress` or `--progress=false`.
 * Every script also has `--help` and `--debug`.
 */
import { closestString, levenshteinDistance } from "@std/text";
import { UsageError } from "./errors.ts";
import type {
  FlagDeclaration,
  FlagDeclarations,
  Flags,
  Limits,
  ScriptDescription,
} from "./flag_declarations.ts";
import { HelpRequest, helpText } from "./help.ts";

export type { FlagDeclaration, FlagDeclarations, Flags, ScriptDescription };

/** Flags that every script has. */
export const generalFlags = {
  "help": { default: false, group: "General", help: "print this and stop" },
  "debug": { default: false, group: "General", help: "on an error, print where in the code it arose" },
} as const satisfies FlagDeclarations;

/**
 * Read a command line.
 *
 * @throws {UsageError} for an unknown flag (naming a known one that is near), a missing or unusable value, a stray word
 * @throws {HelpRequest} when --help is among the arguments
 */
export function parseFlags<const D extends FlagDeclarations>(
  declarations: D,
  description: ScriptDescription,
  args: readonly string[] = Deno.args,
): Flags<D> {
  const all: FlagDeclarations = { ...declarations, ...generalFlags };
  const values = new Map<string, unknown>();
  for (let i = 0; i < args.length;) {
    const { name, inline, negated } = flagName(args[i++], all);
    const declaration = all[name];
    if (typeof declaration.default === "boolean") {
      const { words = [] } = declaration as { words?: readonly string[] };
      const word = words.find((word) => word === inline || (inline === undefined && word === args[i]));
      if (word !== undefined && inline === undefined) i++;
      values.set(name, word ?? switchValue(name, inline, negated));
      continue;
    }
    const texts = inline === undefined ? [] : [inline];
    if (inline === undefined) {
      const most = Array.isArray(declaration.default) || isTexts(declaration) ? Infinity : 1;
      while (texts.length < most && i < args.length && !args[i].startsWith("--")) texts.push(args[i++]);
    }
    const value = parseValue(name, declaration, texts);
    const earlier = isTexts(declaration) ? values.get(name) as string[] | undefined : undefined;
    values.set(name, earlier ? [...earlier, ...value as string[]] : value);
  }
  if (values.get("help")) throw new HelpRequest(helpText(all, description));

  const flags: Record<string, unknown> = { given: new Set(values.keys()) };
  for (const [name, declaration] of Object.entries(all)) {
    flags[camelCase(name)] = values.has(name) ? values.get(name) : declaration.default;
  }
  return flags as Flags<D>;
}

function flagName(
  word: string,
  all: FlagDeclarations,
): { name: string; inline: string | undefined; negated: boolean } {
  if (word === "-h") return { name: "help", inline: undefined, negated: false };
  if (!word.startsWith("--") || word === "--") {
    throw new UsageError(`Cannot use "${word}": flags start with two dashes (see --help)`);
  }
  const equals = word.indexOf("=");
  const spelled = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const inline = equals < 0 ? undefined : word.slice(equals + 1);
  const name = spelled.replaceAll("_", "-");
  if (Object.hasOwn(all, name)) return { name, inline, negated: false };
  const renamed = Object.keys(all).find((flag) => all[flag].aliases?.includes(name));
  if (renamed !== undefined) return { name: renamed, inline, negated: false };
  const positive = name.replace(/^no-/, "");
  if (positive !== name && Object.hasOwn(all, positive) && typeof all[positive].default === "boolean") {
    return { name: positive, inline, negated: true };
  }
  throw new UsageError(unknownFlag(name, all));
}

function unknownFlag(name: string, all: FlagDeclarations): string {
  const known = Object.keys(all);
  const longer = known.find((flag) => flag.startsWith(name)), nearest = longer ?? closestString(name, known);
  const furthest = name.length < 4 ? 1 : Math.max(2, name.length / 3);
  if (longer || levenshteinDistance(name, nearest) <= furthest) {
    return `Unknown flag --${name}. Did you mean --${nearest}?`;
  }
  return `Unknown flag --${name} (--help lists all)`;
}

function switchValue(name: string, inline: string | undefined, negated: boolean): boolean {
  if (inline === undefined || inline === "true") return !negated;
  if (inline === "false") return negated;
  throw new UsageError(`Cannot use --${name}=${inline}: a switch takes true or false`);
}

function parseValue(name: string, declaration: FlagDeclaration, texts: string[]): unknown {
  if (texts.length === 0) {
    throw new UsageError(`Flag --${name} needs a value, such as --${name} ${exampleValue(declaration)}`);
  }
  if (Array.isArray(declaration.default)) {
    const parts = texts.flatMap((text) => text.split(","));
    if (typeof declaration.default[0] !== "string") {
      return parts.map((text) => parseNumber(name, declaration, text));
    }
    const { choices } = declaration as { choices?: readonly string[] };
    return parts.map((text) => parseChoice(name, choices, text));
  }
  if (isTexts(declaration)) {
    if (!texts.includes("")) return texts;
    throw new UsageError(`Cannot use --${name} "": the value is empty`);
  }
  const [text] = texts;
  if ("choices" in declaration && declaration.choices) return parseChoice(name, declaration.choices, text);
  if (typeof declaration.default === "string" || ("type" in declaration && declaration.type === "text")) {
    if (text === "") throw new UsageError(`Cannot use --${name} "": the value is empty`);
    return text;
  }
  return parseNumber(name, declaration, text);
}

function isTexts(declaration: FlagDeclaration): boolean {
  return "type" in declaration && declaration.type === "texts";
}

function parseChoice(name: string, choices: readonly string[] | undefined, text: string): string {
  if (choices === undefined || choices.includes(text)) return text;
  throw new UsageError(`Cannot use --${name} "${text}": choose one of ${choices.join(", ")}`);
}

function parseNumber(name: string, declaration: FlagDeclaration & Limits, text: string): number {
  const number = text.trim() === "" ? NaN : Number(text);
  const refuse = (right: string) => {
    throw new UsageError(`Cannot use --${name} ${text === "" ? '""' : text}: it must be ${right}`);
  };
  if (takesIntegers(declaration) && !Number.isSafeInteger(number)) refuse("a whole number");
  if (!Number.isFinite(number)) refuse("a number");
  const { min, above, max, below } = declaration;
  if (min !== undefined && number < min) refuse(`at least ${min}`);
  if (above !== undefined && number <= above) refuse(`above ${above}`);
  if (max !== undefined && number > max) refuse(`at most ${max}`);
  if (below !== undefined && number >= below) refuse(`below ${below}`);
  return number;
}

function takesIntegers(declaration: FlagDeclaration & Limits): boolean {
  if (declaration.integer !== undefined) return declaration.integer;
  if ("type" in declaration) return declaration.type === "integer";
  const sample = Array.isArray(declaration.default) ? declaration.default[0] : declaration.default;
  return Number.isInteger(sample);
}

function exampleValue(declaration: FlagDeclaration): string {
  const value = declaration.default;
  if (value === null) return declaration.value ?? "VALUE";
  if (!Array.isArray(value)) return String(value);
  if (value.length > 0) return value.join(" ");
  const least = "min" in declaration ? declaration.min ?? 0 : 0;
  return `${least} ${least + 2}`;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
