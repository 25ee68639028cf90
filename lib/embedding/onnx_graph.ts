/** What an exported model takes and gives: which of its outputs are hidden states, and of which layer. */
import { DataError, UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import type { OnnxSession } from "./onnx_runtime.ts";
import type { Layer } from "./readings.ts";

/** What models of DNA take; anything else cannot be filled in. Token types are all 0: there is one sequence. */
const knownInputs = ["input_ids", "attention_mask", "token_type_ids"];

/** @throws {DataError} when the model lacks `input_ids`, or needs what we cannot give */
export function checkInputs(path: string, session: OnnxSession): void {
  const fail = (what: string) => new DataError(`Cannot use the ONNX model "${path}": ${what}`);
  if (!session.inputNames.includes("input_ids")) {
    throw fail(`it has no input "input_ids" (it has ${session.inputNames.join(", ")})`);
  }
  const unknown = session.inputNames.find((name) => !knownInputs.includes(name));
  if (unknown !== undefined) {
    throw fail(`it needs the input "${unknown}" (known are ${knownInputs.join(", ")})`);
  }
}

/** The output that holds hidden states of a layer: `hidden_states.4`, or for the last one see `lastOutput`. */
export function outputOf(path: string, session: OnnxSession, layer: Layer): string {
  if (layer === "last") return lastOutput(path, session);
  const found = numberedOutputs(session).get(layer);
  if (found === undefined) {
    throw new UsageError(
      `Cannot use --layer ${layer}: the ONNX model "${path}" has no output "hidden_states.${layer}" (its outputs are ` +
        `${session.outputNames.join(", ")})`,
    );
  }
  return found;
}

/** Outputs named for a layer, such as "hidden_states.4" and "hidden_states_4", by its number. */
export function numberedOutputs({ outputNames }: OnnxSession): Map<number, string> {
  return new Map(outputNames.flatMap((name): [number, string][] => {
    const number = /hidden_?states?[^0-9a-z]?(\d{1,4})$/i.exec(name)?.[1];
    return number === undefined ? [] : [[Number(number), name]];
  }));
}

/**
 * Which output holds the last hidden states: the one of that name, else the last that says "hidden" (exports number them by
 * layer), else the only one that is batch x length x something, which may be scores of tokens.
 */
function lastOutput(path: string, { outputNames, outputMetadata }: OnnxSession): string {
  const wanted = "last_hidden_state";
  if (outputNames.includes(wanted)) return wanted;
  const deep = outputNames.filter((_, i) => {
    const output = outputMetadata[i];
    return output.isTensor && output.shape?.length === 3;
  });
  const found = deep.findLast((name) => /hidden/i.test(name)) ?? (deep.length === 1 ? deep[0] : null);
  if (found === null) {
    throw new DataError(
      `Cannot use the ONNX model "${path}": none of its outputs (${
        outputNames.join(", ")
      }) is named "${wanted}", nor is one alone of shape batch x length x width (export it with that output)`,
    );
  }
  const doubt = /hidden/i.test(found) ? "" : ", which may be no hidden state";
  log.warn(`The ONNX model "${path}" has no output "${wanted}": taking "${found}"${doubt}`);
  return found;
}

/** Width of an output; null where the file leaves it open. */
export function declaredWidth({ outputNames, outputMetadata }: OnnxSession, name: string): number | null {
  const output = outputMetadata[outputNames.indexOf(name)];
  const width = output.isTensor && output.shape?.length === 3 ? output.shape[2] : null;
  return typeof width === "number" && width > 0 ? width : null;
}
