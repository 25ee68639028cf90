/** The parts of npm:deno-std that we use; the package carries no declarations. Listed in deno.json "compilerOptions.types". */

declare module "@std/path" {
  export const SEPARATOR: string;
  export function basename(path: string | URL, suffix?: string): string;
  export function dirname(path: string | URL): string;
  export function extname(path: string | URL): string;
  export function fromFileUrl(url: string | URL): string;
  export function isAbsolute(path: string): boolean;
  export function join(path?: string | URL, ...paths: string[]): string;
  export function normalize(path: string | URL): string;
  export function relative(from: string, to: string): string;
  export function resolve(...paths: string[]): string;
  export function toFileUrl(path: string): URL;
}

declare module "@std/assert" {
  // deno-lint-ignore no-explicit-any
  type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;
  export class AssertionError extends Error {}
  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertAlmostEquals(
    actual: number,
    expected: number,
    tolerance?: number,
    message?: string,
  ): void;
  export function assertArrayIncludes<T>(
    actual: ArrayLike<T>,
    expected: ArrayLike<T>,
    message?: string,
  ): void;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T>;
  export function assertFalse(condition: unknown, message?: string): asserts condition is false;
  export function assertGreater<T>(actual: T, expected: T, message?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertInstanceOf<E extends abstract new (...args: never[]) => unknown>(
    actual: unknown,
    expectedType: E,
    message?: string,
  ): asserts actual is InstanceType<E>;
  export function assertIsError<E extends Error>(
    error: unknown,
    errorClass?: ErrorClass<E>,
    messageMatches?: string | RegExp,
    message?: string,
  ): asserts error is E;
  export function assertLess<T>(actual: T, expected: T, message?: string): void;
  export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertObjectMatch(
    actual: Record<PropertyKey, unknown>,
    expected: Record<PropertyKey, unknown>,
    message?: string,
  ): void;
  export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
  export function assertRejects<E extends Error>(
    fn: () => PromiseLike<unknown>,
    errorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): Promise<E>;
  export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertThrows(fn: () => unknown, message?: string): unknown;
  export function assertThrows<E extends Error>(
    fn: () => unknown,
    errorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): E;
  export function equal(a: unknown, b: unknown): boolean;
  export function fail(message?: string): never;
  export function unreachable(): never;
}

declare module "@std/cli/parse-args" {
  export interface ParseOptions {
    "--"?: boolean;
    alias?: Record<string, string | readonly string[]>;
    boolean?: boolean | string | readonly string[];
    collect?: string | readonly string[];
    default?: Record<string, unknown>;
    negatable?: string | readonly string[];
    stopEarly?: boolean;
    string?: string | readonly string[];
    unknown?: (argument: string, key?: string, value?: unknown) => unknown;
  }
  export function parseArgs(
    args: readonly string[],
    options?: ParseOptions,
  ): Record<string, unknown> & { _: (string | number)[] };
}

declare module "@std/fmt/colors" {
  export function setColorEnabled(value: boolean): void;
  export function getColorEnabled(): boolean;
  export function stripAnsiCode(text: string): string;
  export function bold(text: string): string;
  export function dim(text: string): string;
  export function italic(text: string): string;
  export function underline(text: string): string;
  export function red(text: string): string;
  export function green(text: string): string;
  export function yellow(text: string): string;
  export function blue(text: string): string;
  export function magenta(text: string): string;
  export function cyan(text: string): string;
  export function gray(text: string): string;
}

declare module "@std/text" {
  export function closestString(
    word: string,
    candidates: readonly string[],
    options?: { caseSensitive?: boolean; compareFn?: (a: string, b: string) => number },
  ): string;
  export function levenshteinDistance(a: string, b: string): number;
  export function wordSimilaritySort(word: string, candidates: readonly string[]): string[];
}
