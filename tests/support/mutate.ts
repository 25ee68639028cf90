/** Seeded damage to files, for tests that readers fail in order. */
import { ModelStream } from "../../lib/random/model_stream.ts";

/** A copy of `bytes` with one to eight bytes changed, a piece cut out, put in, or its end cut off. */
export function mutated(bytes: Uint8Array, stream: ModelStream): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice(), at = stream.below(bytes.length);
  switch (stream.below(6)) {
    case 0:
      return copy.slice(0, at);
    case 1:
      return joined(copy.subarray(0, at), copy.subarray(Math.min(bytes.length, at + 1 + stream.below(16))));
    case 2:
      return joined(copy.subarray(0, at), copy.subarray(0, 1 + stream.below(16)), copy.subarray(at));
    default:
      for (let n = 1 + stream.below(8); n > 0; n--) {
        const place = stream.below(bytes.length);
        copy[place] = stream.below(2) === 0 ? stream.below(256) : copy[place] ^ (1 << stream.below(8));
      }
      return copy;
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
