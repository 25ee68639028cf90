/** What goes wrong on the device, which tells it late and in several ways: kept until the next call throws it. */
import { DataError } from "../../cli/errors.ts";

export class Failures {
  #failure: DataError | null = null;
  #lost = false;
  #closed = false;
  /** Checks of submissions that have not answered yet. */
  readonly #pending = new Set<Promise<void>>();

  constructor(device: GPUDevice) {
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.add(`The WebGPU device refused a command: ${firstLines(error.message)}. Use --device cpu`);
    });
    device.lost.then((info) => {
      if (this.#closed) return;
      // The loss explains every other error, so it takes the place of one that came first.
      this.#lost = true;
      this.#failure = new DataError(
        `Lost the WebGPU device while working (${
          firstLines(info.message) || info.reason || "no reason given"
        }): ` +
          "the driver reset it, or it ran out of memory. Start again with a smaller --batch-size, or with --device cpu",
      );
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From here on every check throws, and the loss of the device is no failure. */
  close(): void {
    this.#closed = true;
  }

  /** Remember the first thing that went wrong, for the next check to throw. */
  add(failure: string | DataError): void {
    this.#failure ??= typeof failure === "string" ? new DataError(failure) : failure;
  }

  /** @throws {DataError} what went wrong since the last check; the loss of the device again and again */
  check(): void {
    const failure = this.#failure;
    if (failure) {
      if (!this.#lost) this.#failure = null;
      throw failure;
    }
    if (this.#closed) throw new DataError("Cannot use the WebGPU device: it was closed");
  }

  /** Watch an error scope around `operations`. @param told the end of the sentence that names them */
  watch(scope: Promise<GPUError | null>, operations: string[], told: (message: string) => string): void {
    const check = scope.then((error) => {
      if (error) this.add(`${listed(operations)} on the WebGPU device ${told(firstLines(error.message))}`);
    }, () => {/* the device is lost, which is reported where it is noticed */});
    this.#pending.add(check);
    check.finally(() => this.#pending.delete(check));
  }

  /** Wait until every error scope has answered. @throws {DataError} what went wrong since the last check */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.check();
  }
}

/** The first lines of a driver's message, in one. */
export function firstLines(message: string): string {
  return message.trim().split("\n").map((line) => line.trim()).filter((line) => line).slice(0, 3).join("; ");
}

function listed(operations: string[]): string {
  const names = [...new Set(operations)];
  if (names.length <= 3) return names.join(", ") || "A copy";
  return `${names[0]}, ${names[1]} and ${names.length - 2} more operations up to ${names.at(-1)}`;
}
