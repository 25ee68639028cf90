/** Reads config.json of a model: what is asked for must be there and make sense. */
import { DataError } from "../cli/errors.ts";
import { readJsonObject } from "../io/json_file.ts";

export class ModelConfig {
  readonly #values: Record<string, unknown>;

  constructor(value: unknown, readonly name: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DataError(`Cannot read "${name}": it is not a JSON object`);
    }
    this.#values = value as Record<string, unknown>;
  }

  static async read(path: string): Promise<ModelConfig> {
    return new ModelConfig(await readJsonObject(path), path);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#values, key);
  }

  /** The part under a key. */
  section(key: string): ModelConfig {
    return new ModelConfig(this.#values[key], `${this.name}", key "${key}`);
  }

  /** A whole number of at least `least`. */
  size(key: string, least = 1): number {
    const value = this.#values[key];
    if (!Number.isSafeInteger(value) || (value as number) < least) {
      throw this.#wrong(key, `a whole number from ${least}`);
    }
    return value as number;
  }

  /** A number above 0. */
  positive(key: string, fallback?: number): number {
    const value = this.has(key) ? this.#values[key] : fallback;
    if (typeof value !== "number" || !(value > 0 && value < Infinity)) {
      throw this.#wrong(key, "a number above 0");
    }
    return value;
  }

  /** What stands under a key, for comparison. */
  get(key: string): unknown {
    return this.#values[key];
  }

  #wrong(key: string, expected: string): DataError {
    const found = JSON.stringify(this.#values[key]) ?? "missing";
    return new DataError(`Cannot use "${this.name}": "${key}" is ${found}, expected ${expected}`);
  }
}
