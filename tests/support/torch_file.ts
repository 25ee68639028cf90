/** Builds PyTorch checkpoints by hand: a little pickle assembler and a zip writer that can also write damaged archives. */
import { crc32, deflateRawSync } from "node:zlib";

type Code = (number | Uint8Array)[];

const text = (value: string) => new TextEncoder().encode(value);
const u32 = (value: number) => new Uint8Array(new Uint32Array([value]).buffer);

/** Pieces of pickles, protocol 2. Put them together with `program`. */
export const op = {
  program: (...codes: Code[]): Uint8Array<ArrayBuffer> => {
    const parts = [Uint8Array.of(0x80, 2), ...codes.flat(), 0x2e];
    const bytes: number[] = [];
    for (const part of parts) typeof part === "number" ? bytes.push(part) : bytes.push(...part);
    return new Uint8Array(bytes);
  },
  global: (module: string, name: string): Code => [0x63, text(`${module}\n${name}\n`)],
  string: (value: string): Code => [0x58, u32(text(value).length), text(value)],
  int: (value: number): Code => [0x4a, u32(value)],
  none: [0x4e] as Code,
  tuple: (...items: Code[]): Code => [0x28, ...items.flat(), 0x74],
  list: (...items: Code[]): Code => [0x5d, 0x28, ...items.flat(), 0x65],
  dict: (...entries: [string, Code][]): Code => [
    0x7d,
    0x28,
    ...entries.flatMap(([key, value]) => [...op.string(key), ...value]),
    0x75,
  ],
  /** Call: function, then its arguments as a tuple. */
  reduce: (target: Code, ...args: Code[]): Code => [...target, ...op.tuple(...args), 0x52],
  newObject: (target: Code, ...args: Code[]): Code => [...target, ...op.tuple(...args), 0x81],
  build: (object: Code, state: Code): Code => [...object, ...state, 0x62],
  persistent: (id: Code): Code => [...id, 0x51],
};

export interface TensorParts {
  storage?: string;
  key: string;
  length: number;
  offset?: number;
  shape: number[];
  strides: number[];
}

/** A tensor as torch.save writes it. */
export function tensorCode(
  { storage = "FloatStorage", key, length, offset = 0, shape, strides }: TensorParts,
): Code {
  return op.reduce(
    op.global("torch._utils", "_rebuild_tensor_v2"),
    op.persistent(
      op.tuple(
        op.string("storage"),
        op.global("torch", storage),
        op.string(key),
        op.string("cpu"),
        op.int(length),
      ),
    ),
    op.int(offset),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    [0x89],
    op.reduce(op.global("collections", "OrderedDict")),
  );
}

/** The archive of a checkpoint: its pickle and storages by key. */
export function checkpoint(
  pickle: Uint8Array,
  storages: Record<string, Uint8Array> = {},
): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes] as const);
  return zip([["archive/data.pkl", pickle], ...data]);
}

export interface ZipOptions {
  deflate?: boolean;
  encrypted?: boolean;
  /** Sizes and places in zip64 fields, as PyTorch writes them. */
  zip64?: boolean;
  /** Let every entry's directory record point at the first entry. */
  overlap?: boolean;
}

export function zip(
  entries: (readonly [string, Uint8Array])[],
  options: ZipOptions = {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, content] of entries) {
    const stored = options.deflate ? new Uint8Array(deflateRawSync(content)) : content;
    const local = new Uint8Array(30);
    const head = new DataView(local.buffer);
    head.setUint32(0, 0x04034b50, true);
    head.setUint16(8, options.deflate ? 8 : 0, true);
    head.setUint16(26, text(name).length, true);
    const extra = new Uint8Array(options.zip64 ? 28 : 0);
    const central = new Uint8Array(46);
    const entry = new DataView(central.buffer);
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(8, options.encrypted ? 1 : 0, true);
    entry.setUint16(10, options.deflate ? 8 : 0, true);
    entry.setUint32(16, crc32(content), true);
    entry.setUint32(20, options.zip64 ? 0xffffffff : stored.length, true);
    entry.setUint32(24, options.zip64 ? 0xffffffff : content.length, true);
    entry.setUint16(28, text(name).length, true);
    entry.setUint16(30, extra.length, true);
    entry.setUint32(42, options.zip64 ? 0xffffffff : options.overlap ? 0 : offset, true);
    if (options.zip64) {
      const wide = new DataView(extra.buffer);
      wide.setUint16(0, 1, true);
      wide.setUint16(2, 24, true);
      wide.setBigUint64(4, BigInt(content.length), true);
      wide.setBigUint64(12, BigInt(stored.length), true);
      wide.setBigUint64(20, BigInt(offset), true);
    }
    parts.push(local, text(name), stored);
    directory.push(central, text(name), extra);
    offset += 30 + text(name).length + stored.length;
  }
  const directorySize = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new Uint8Array(22 + (options.zip64 ? 76 : 0));
  const view = new DataView(end.buffer, end.length - 22);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(12, options.zip64 ? 0xffffffff : directorySize, true);
  view.setUint32(16, options.zip64 ? 0xffffffff : offset, true);
  if (options.zip64) {
    const record = new DataView(end.buffer, 0, 56), locator = new DataView(end.buffer, 56, 20);
    record.setUint32(0, 0x06064b50, true);
    record.setBigUint64(32, BigInt(entries.length), true);
    record.setBigUint64(40, BigInt(directorySize), true);
    record.setBigUint64(48, BigInt(offset), true);
    locator.setUint32(0, 0x07064b50, true);
    locator.setBigUint64(8, BigInt(offset + directorySize), true);
  }
  return concatenate([...parts, ...directory, end]);
}

function concatenate(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
