/**
 * The two halves of a HyenaDNA layer, each added to the residual stream in place: the gated long convolution, channel-first
 * on groups of channels, and the MLP.
 */
import { fftConvolution, linear, scope, Tensor } from "../../tensor/mod.ts";
import type { HyenaPlan } from "./plan.ts";
import type { HyenaLayer, HyenaWeights, Norm } from "./weights.ts";

/** Part of the residual stream: (batch, positions, width) from position `start` on. */
export interface PositionBlock {
  readonly start: number;
  readonly values: Tensor;
}

/** Hidden states of sequences of one length, in blocks of positions. */
export interface ResidualStream {
  readonly weights: HyenaWeights;
  readonly batch: number;
  readonly length: number;
  readonly blocks: readonly PositionBlock[];
}

/** x += out_proj(hyena(norm1(x))), the blocks' memory overwritten. */
export function mix(
  layer: HyenaLayer,
  stream: ResidualStream,
  plan: HyenaPlan,
  spectrumOf: (channel: number, channels: number) => Tensor,
): void {
  const { blocks, length, batch, weights: { backend, config: { width } } } = stream;
  const mixed: { channel: number; values: Tensor }[] = [];
  for (let channel = 0; channel < width; channel += plan.groupChannels) {
    const channels = Math.min(plan.groupChannels, width - channel);
    const values = scope(() => {
      const [gate, ...inputs] = project(layer, stream, channel, channels);
      const v = multiplyInto(inputs[1], inputs[0]);
      inputs[0].dispose();
      const convolved = convolveInParts(
        v,
        plan.transformChannels,
        (first, count) => spectrumOf(channel + first, count),
      );
      return multiplyInto(gate, convolved);
    });
    mixed.push({ channel, values });
  }
  const { weight, bias } = layer.outProjection;
  for (const { start, values: x } of blocks) {
    const positions = x.shape[1];
    for (const { channel, values } of mixed) {
      const channels = values.shape[1];
      backend.matmul(
        { storage: x.storage, batchStride: positions * width },
        {
          storage: values.storage,
          offset: start,
          stride: length,
          batchStride: channels * length,
          transposed: true,
        },
        { storage: weight.storage, offset: channel, stride: width, batchStride: 0, transposed: true },
        {
          batch,
          m: positions,
          n: width,
          k: channels,
          bias: channel === 0 ? bias.storage : undefined,
          accumulate: true,
        },
      );
    }
  }
}

/** The three parts x0, x1, v of the projection for some channels, after their short filters: (batch, channels, length) each. */
function project(layer: HyenaLayer, stream: ResidualStream, channel: number, channels: number): Tensor[] {
  const { blocks, length, batch, weights } = stream;
  const { backend, config: { width, taps } } = weights;
  const { weight } = layer.inProjection;
  const raw = [0, 1, 2].map(() => Tensor.empty(backend, [batch, channels, length]));
  const biases = [0, 1, 2].map((part) => section(layer.inProjection.bias, part * width + channel, channels));
  for (const { start, values: x } of blocks) {
    scope(() => {
      const a = normalized(weights, x, layer.norm1);
      const positions = x.shape[1];
      raw.forEach((out, part) =>
        backend.matmul(
          { storage: out.storage, offset: start, stride: length, batchStride: channels * length },
          { storage: weight.storage, offset: (part * width + channel) * width, batchStride: 0 },
          { storage: a.storage, batchStride: positions * width, transposed: true },
          { batch, m: channels, n: positions, k: width, bias: biases[part].storage, biasAxis: "row" },
        )
      );
    });
  }
  return raw.map((x, part) => {
    const short = layer.shortFilters[part];
    const out = Tensor.empty(backend, x.shape);
    const filter = section(short.weight, channel * taps, channels * taps);
    const bias = section(short.bias, channel, channels);
    backend.causalConvolution(
      { out: out.storage, x: x.storage, weight: filter.storage, bias: bias.storage },
      { rows: batch * channels, channels, length, taps },
    );
    x.dispose();
    return out;
  });
}

/** x += fc2(gelu(fc1(norm2(x)))), x's memory overwritten. */
export function feedForward(weights: HyenaWeights, layer: HyenaLayer, x: Tensor): void {
  const { width, innerWidth } = weights.config;
  const a = normalized(weights, x, layer.norm2);
  const inner = linear(a, layer.fc1.weight, layer.fc1.bias, { activation: "geluTanh" });
  weights.backend.matmul(
    { storage: x.storage },
    { storage: inner.storage },
    { storage: layer.fc2.weight.storage, transposed: true },
    { m: x.rows, n: width, k: innerWidth, bias: layer.fc2.bias.storage, accumulate: true },
  );
}

/** A layer norm in the projections' type. */
function normalized({ config, dtype }: HyenaWeights, x: Tensor, { gamma, beta }: Norm): Tensor {
  const { rows, columns, backend } = x;
  const out = Tensor.empty(backend, x.shape, dtype), stats = Tensor.empty(backend, [2, rows]);
  backend.layerNorm(
    { out: out.storage, stats: stats.storage, x: x.storage, gamma: gamma.storage, beta: beta.storage },
    { rows, columns, epsilon: config.layerNormEpsilon },
  );
  return out;
}

/** a x b in a's memory. */
function multiplyInto(a: Tensor, b: Tensor): Tensor {
  a.backend.binary("multiply", a.storage, a.storage, b.storage, a.rows, a.columns, "same");
  return a;
}

/** Elements first .. first + size - 1, copied. */
function section(x: Tensor, first: number, size: number): Tensor {
  const out = Tensor.empty(x.backend, [size]);
  x.backend.copy2d({ storage: out.storage }, { storage: x.storage, offset: first }, {
    rows: 1,
    columns: size,
  });
  return out;
}

/** Long convolution of (batch, channels, length), at most `part` channels' spectra in memory at a time; overwrites x where that is fewer. */
function convolveInParts(
  x: Tensor,
  part: number,
  spectrumOf: (first: number, count: number) => Tensor,
): Tensor {
  const [batch, channels, length] = x.shape;
  if (part >= channels) return scope(() => fftConvolution(x, spectrumOf(0, channels)));
  for (let first = 0; first < channels; first += part) {
    scope(() => {
      const count = Math.min(part, channels - first);
      const some = Tensor.empty(x.backend, [batch, count, length]);
      // Each sequence's channels lie together: count x length numbers, one stretch a sequence.
      const width = count * length, stride = channels * length;
      x.backend.copy2d({ storage: some.storage }, { storage: x.storage, offset: first * length, stride }, {
        rows: batch,
        columns: width,
      });
      const convolved = fftConvolution(some, spectrumOf(first, count));
      x.backend.copy2d(
        { storage: x.storage, offset: first * length, stride },
        { storage: convolved.storage },
        { rows: batch, columns: width },
      );
    });
  }
  return x;
}
