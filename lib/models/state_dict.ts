/** The tensors of a model file under the names that a model asks for, whatever prefixes the file has. */
import { DataError } from "../cli/errors.ts";
import type { TensorFile } from "../io/tensor_file.ts";
import { refuseUnappliedTensors } from "./unapplied_tensors.ts";

export class StateDict {
  readonly path: string;
  readonly #file: TensorFile;
  /** Our name to the file's. */
  readonly #stored = new Map<string, string>();
  readonly #unused: Set<string>;

  /**
   * @param canonical our name for a name in the file
   * @throws {DataError} for two names of one tensor, and for tensors that change what a model computes (LoRA, IA3, ...)
   */
  constructor(file: TensorFile, canonical: (stored: string) => string = (stored) => stored) {
    this.#file = file;
    this.path = file.path;
    try {
      refuseUnappliedTensors(file.path, file.tensors.keys());
    } catch (error) {
      file.close();
      throw error;
    }
    for (const stored of file.tensors.keys()) {
      const name = canonical(stored);
      const other = this.#stored.get(name);
      if (other !== undefined) {
        throw new DataError(
          `Cannot use the weights "${this.path}": "${other}" and "${stored}" are the same tensor of the model`,
        );
      }
      this.#stored.set(name, stored);
    }
    this.#unused = new Set(this.#stored.keys());
  }

  has(name: string): boolean {
    return this.#stored.has(name);
  }

  /** Check that a tensor is there and has a shape, without reading it. @throws {DataError} naming one that is absent or has another shape */
  expect(name: string, shape: readonly number[]): void {
    const stored = this.#stored.get(name);
    if (stored === undefined) {
      throw new DataError(`Cannot use the weights "${this.path}": tensor "${name}" is missing`);
    }
    const found = this.#file.tensors.get(stored)!.shape;
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis])) {
      throw new DataError(
        `Cannot use the weights "${this.path}": tensor "${stored}" has shape (${found.join(", ")}), ` +
          `config.json says (${shape.join(", ")})`,
      );
    }
    this.#unused.delete(name);
  }

  /** The numbers of a tensor. @throws {DataError} as `expect` */
  async read(name: string, shape: readonly number[]): Promise<Float32Array<ArrayBuffer>> {
    this.expect(name, shape);
    return await this.#file.read(this.#stored.get(name)!);
  }

  /** Names of tensors that were never read, as the file has them. */
  unusedNames(): string[] {
    return [...this.#unused].map((name) => this.#stored.get(name)!);
  }

  close(): void {
    this.#file.close();
  }
}
