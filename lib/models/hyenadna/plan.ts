/**
 * How a HyenaDNA's work is cut so that it fits: positions into blocks, channels into groups, and groups into as many
 * channels as are transformed at a time. No result depends on it.
 */
import { DataError } from "../../cli/errors.ts";
import type { HyenaConfig } from "./config.ts";

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
  const { memoryBytes, storageElements = 2 ** 25, blockElements = 2 ** 22, spectrumElements = 2 ** 25 } =
    limits;
  const { width, innerWidth } = config;
  const transformLength = Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, 2 * length - 1))));
  const spectrum = transformLength + 2;
  // A block on its way through the MLP takes no more than an eighth of the memory.
  const blockRows = Math.min(blockElements, memoryBytes / 32) / (batch * Math.max(innerWidth, 3 * width));
  const blockLength = Math.max(1, Math.min(length, Math.floor(blockRows)));

  for (let groupChannels = width;; groupChannels = Math.ceil(groupChannels / 2)) {
    const atOnce = Math.max(1, Math.floor(spectrumElements / (batch * spectrum)));
    const transformChannels = Math.ceil(groupChannels / Math.ceil(groupChannels / atOnce));
    const bytes = 4 *
      peakElements(config, batch, length, { spectrum, blockLength, groupChannels, transformChannels });
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

interface Cut {
  spectrum: number;
  blockLength: number;
  groupChannels: number;
  transformChannels: number;
}

/** Elements that live at the same time, at most, in the layer's stages (see hyenadna.ts). */
function peakElements(config: HyenaConfig, batch: number, length: number, cut: Cut): number {
  const { width, innerWidth, filterWidth, positionWidth, taps } = config;
  const { spectrum, blockLength, groupChannels, transformChannels } = cut;
  const perChannel = batch * length;
  const block = batch * blockLength;
  const residual = perChannel * width;
  const features = length * (filterWidth + 1);
  const makingFeatures = blockLength * (positionWidth + 2 * filterWidth);
  // The last group's three parts and the one before its short filter, while the other groups' results wait.
  const waiting = perChannel * (width - groupChannels);
  const projecting = 4 * groupChannels * perChannel + block * (width + 2);
  const shortFilters = 3 * groupChannels * (taps + 2);
  const parts = transformChannels < groupChannels ? transformChannels * perChannel : 0;
  const transforming = 2 * groupChannels * perChannel + parts +
    transformChannels * (spectrum + Math.max(2 * length, perChannel + batch * spectrum));
  const feedingForward = block * (innerWidth + width + 2);
  return residual + Math.max(
    features + Math.max(
      makingFeatures,
      waiting + shortFilters + Math.max(projecting, transforming),
      residual,
    ),
    feedingForward,
  );
}

function mebibytes(bytes: number): string {
  return bytes === Infinity ? "the device's memory" : `${Math.ceil(Math.max(0, bytes) / 2 ** 20)} MiB`;
}
