/** How flags are declared, and the types of their values that follow from it. */

/** What every flag says of itself. */
export interface Described {
  /** What it does, in a line of --help. */
  help: string;
  /** Heading in --help; flags without one stand under "Options". */
  group?: string;
  /** What --help calls the value: DIR, FILE, N, ... */
  value?: string;
  /** Older names that are taken too. */
  aliases?: readonly string[];
  /** What --help gives as the default, where the value itself would not tell. */
  shownDefault?: string;
}

/** A number's range. A flag takes integers when its default is one, unless `integer` says otherwise. */
export interface Limits {
  /** Whole numbers only, or fractions too. */
  integer?: boolean;
  /** Lowest value. */
  min?: number;
  /** Exclusive lower bound. */
  above?: number;
  /** Highest value. */
  max?: number;
  /** Exclusive upper bound. */
  below?: number;
}

/** One flag: the type of its default is the type of its value; a default of null needs `type`. */
export type FlagDeclaration =
  & Described
  & (
    /** A switch; `words` may follow it and become its value. */
    | { default: boolean; words?: readonly string[] }
    | ({ default: number } & Limits)
    | ({ default: readonly number[] } & Limits)
    /** Several words. */
    | { default: readonly [string, ...string[]]; choices?: readonly string[] }
    | { default: string; choices?: readonly string[] }
    | { default: null; type: "text"; choices?: readonly string[] }
    /** Several words that are not cut at commas, such as names of files; those of a repeated flag are added up. */
    | { default: null; type: "texts" }
    | ({ default: null; type: "integer" | "number" } & Limits)
  );

/** Flags by their names on the command line, without the dashes. */
export type FlagDeclarations = Record<string, FlagDeclaration>;

/** What --help says above the flags. */
export interface ScriptDescription {
  /** Path from the repository's root, such as "scripts/hs27_lel.ts". */
  script: string;
  /** What the script does, in a sentence. */
  about: string;
  /** Command lines one would run; "deno run -P scripts/x.ts" is put before each. */
  examples?: string[];
}

/**
 * "k-components" as "kComponents".
 *
 * @internal
 */
export type Camel<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

/**
 * The type of a flag's value.
 *
 * @internal
 */
export type ValueOf<F> = F extends { default: boolean; words: readonly (infer Word)[] } ? boolean | Word
  : F extends { default: boolean } ? boolean
  : F extends { default: number } ? number
  : F extends { default: readonly [string, ...string[]]; choices: readonly (infer Choice)[] } ? Choice[]
  : F extends { default: readonly [string, ...string[]] } ? string[]
  : F extends { default: readonly number[] } ? number[]
  : F extends { default: string; choices: readonly (infer Choice)[] } ? Choice
  : F extends { default: string } ? string
  : F extends { type: "text"; choices: readonly (infer Choice)[] } ? Choice | null
  : F extends { type: "text" } ? string | null
  : F extends { type: "texts" } ? string[] | null
  : number | null;

/** Values by camelCase name, and the names that the command line gave. */
export type Flags<D extends FlagDeclarations> =
  & { -readonly [Name in keyof D & string as Camel<Name>]: ValueOf<D[Name]> }
  & { given: ReadonlySet<string>; debug: boolean };
