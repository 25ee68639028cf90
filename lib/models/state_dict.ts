/** The tensors of a model file under the names that a model asks for, whatever prefixes the file has. */
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import type { TensorFile } from "../io/tensor_file.ts";
import { refuseUnappliedTensors } from "./unapplied_tensors.ts";

/** A name without what DataParallel ("module."), torch.compile ("_orig_mod.") and Lightning ("model.", "net.") put on it. */
function unwrapped(stored: string): string {
  return stored.replaceAll("_orig_mod.", "").replace(/^(?:(?:module|model|net|network)\.)+/, "");
}

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
    const stored = [...file.tensors.keys()];
    const plain = new Map(stored.map((name) => [canonical(name), name]));
    const copies: string[] = [];
    let wrapped = 0;
    for (const name of stored) {
      const own = canonical(name), without = canonical(unwrapped(name));
      const twin = own === without ? undefined : plain.get(without);
      if (own === without || twin !== undefined) this.#add(own, name);
      else {
        this.#add(without, name);
        wrapped++;
      }
      // Of another shape it is another tensor, whose name happens to begin so.
      if (twin !== undefined && this.#shape(twin) === this.#shape(name)) copies.push(name);
    }
    if (copies.length > 0) {
      log.warn(
        `"${this.path}" holds ${
          counted(copies.length, "tensor")
        } twice, with and without a wrapper in front of the name: ` +
          `those without are taken ("${plain.get(canonical(unwrapped(copies[0])))}", not "${copies[0]}").`,
      );
    }
    if (wrapped > 0) {
      const example = stored.find((name) => unwrapped(name) !== name)!;
      log.info(
        `Read ${
          counted(wrapped, "tensor")
        } of "${this.path}" without what a wrapper put in front of the names ` +
          `("${example}" as "${unwrapped(example)}")`,
      );
    }
    this.#unused = new Set(this.#stored.keys());
  }

  #shape(stored: string): string {
    return this.#file.tensors.get(stored)!.shape.join();
  }

  #add(name: string, stored: string): void {
    const other = this.#stored.get(name);
    if (other !== undefined) {
      throw new DataError(
        `Cannot use the weights "${this.path}": "${other}" and "${stored}" are the same tensor of the model`,
      );
    }
    this.#stored.set(name, stored);
  }

  has(name: string): boolean {
    return this.#stored.has(name);
  }

  /** Check that a tensor is there and has a shape, without reading it. @throws {DataError} naming one that is absent or has another shape */
  expect(name: string, shape: readonly number[]): void {
    const stored = this.#stored.get(name);
    if (stored === undefined) {
      const names = [...this.#file.tensors.keys()], unreadable = this.#file.unreadable?.get(name);
      const held = names.slice(0, 3).map((each) => `"${each}"`).join(", ");
      throw new DataError(
        `Cannot use the weights "${this.path}": tensor "${name}" ${
          unreadable ??
            `is missing (the file holds ${held}${names.length > 3 ? ` and ${names.length - 3} more` : ""})`
        }`,
      );
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
