import { basename, dirname, resolve } from "@std/path";
import { UsageError } from "../cli/errors.ts";
import { type ModelSource, readModelConfig } from "../models/model_source.ts";
import { ntConfig } from "../models/nucleotide_transformer/model.ts";

const publishedSizes = { "50m": 56e6, "100m": 98e6, "250m": 235e6, "500m": 498e6 };

/**
 * How files name an NT: the size in its name, else the published size that is nearest to its own.
 *
 * @param options.onnx the exported model that runs instead: the size in its name or its folder's comes first
 * @param options.isChosen whether the user named the model; the default says nothing about an exported one
 * @throws {UsageError} when nothing says the size
 */
export async function ntSize(
  source: ModelSource,
  { onnx, isChosen }: { onnx: string | null; isChosen: boolean } = { onnx: null, isChosen: true },
): Promise<string> {
  const exported = onnx === null ? null : sizeIn(basename(onnx)) ?? sizeIn(basename(dirname(resolve(onnx))));
  if (exported === null && !isChosen && onnx !== null) {
    throw new UsageError(
      `Cannot name the files of --onnx "${onnx}": its name has no size (give the model that it was exported from with ` +
        `--model, or a name with 50m, 100m, 250m or 500m)`,
    );
  }
  const named = exported ?? sizeIn(publishedName(source.name));
  if (named !== null) return named;
  const { width, layers, intermediateWidth, vocabularySize } = ntConfig(await readModelConfig(source));
  const parameters = layers * (4 * width * width + 3 * width * intermediateWidth) +
    2 * vocabularySize * width;
  const distance = (size: number) => Math.abs(Math.log(size / parameters));
  const [[label]] = Object.entries(publishedSizes).sort(([, a], [, b]) => distance(a) - distance(b));
  return label;
}

function sizeIn(name: string): string | null {
  const found = /(?:^|[^\d.])(50|100|250|500)m(?:[^a-z]|$)/i.exec(name);
  return found && `${found[1]}m`;
}

/** Last part of a hub id or path; in the hub's cache that is a commit, the name stands further up. */
function publishedName(model: string): string {
  const path = resolve(model);
  return /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(path)?.[1] ?? basename(path);
}
