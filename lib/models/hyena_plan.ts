/**
 * How a HyenaDNA's work is cut so that it fits: positions into blocks, channels into groups, and groups into as many
 * channels as are transformed at a time. No result depends on it.
 */
import { DataError } from "../cli/errors.ts";
import type { HyenaConfig } from "./hyena_config.ts";

export interface HyenaPlan {
  /** Power of two, at least twice the length less 1: the transforms' size. */
  readonly transformLength: number;
  /** Positions of a block; the residual stream is a list of blocks. */
  readonly blockLength: number;
  /** Channels of a group; they are projected, gated and kept together. */
  readonly groupChannels: number;
  /** Channels whose spectra exist at the same time. */
  readonly transformChannels: number;
  /** Memory of all of it, without the weights. */
  readonly bytes: number;
}

export interface PlanLimits {
  /** Bytes that activations may take; Infinity where only the device limits. */
  readonly memoryBytes: number;
  /** Largest storage, in elements: 128 MiB is what every device can bind. */
  readonly storageElements?: number;
  /** Size aimed at for a block's widest activation, in elements. */
  readonly blockElements?: number;
  /** Size aimed at for spectra, in elements. */
  readonly spectrumElements?: number;
}

/** @throws {DataError} when not even the smallest cut fits, with the memory that it takes */
export function planHyena(config: HyenaConfig, batch: number, length: number, limits: PlanLimits): HyenaPlan {
  const { memoryBytes, storageElements = 2 ** 25, blockElements = 2 ** 22, spectrumElements = 2 ** 23 } =
    limits;
  const { width, innerWidth, filterWidth } = config;
  const transformLength = Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, 2 * length - 1))));
  const spectrum = transformLength + 2;
  const blockLength = Math.max(
    1,
    Math.min(length, Math.floor(blockElements / (batch * Math.max(innerWidth, 3 * width)))),
  );

  for (let groupChannels = width;; groupChannels = Math.ceil(groupChannels / 2)) {
    const transformChannels = Math.max(
      1,
      Math.min(groupChannels, Math.floor(spectrumElements / (batch * spectrum))),
    );
    // Residual stream and the mixer's output; what the filters are made from; the parts of one group; spectra of
    // input and filter, and the filter's pieces; one block on its way through the MLP.
    const elements = 2 * batch * length * width + length * filterWidth + 4 * batch * groupChannels * length +
      transformChannels * ((batch + 1) * spectrum + (2 * batch + 3) * length) +
      batch * blockLength * (innerWidth + 3 * width);
    const bytes = 4 * elements;
    if (batch * groupChannels * length <= storageElements && bytes <= memoryBytes) {
      return { transformLength, blockLength, groupChannels, transformChannels, bytes };
    }
    if (groupChannels === 1) {
      throw new DataError(
        `Cannot run ${length} tokens in ${mebibytes(memoryBytes)}: at least ${mebibytes(bytes)} are needed ` +
          `(raise --memory-limit or lower --hyena-max-length)`,
      );
    }
  }
}

function mebibytes(bytes: number): string {
  return bytes === Infinity ? "the device's memory" : `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
