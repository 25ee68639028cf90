/**
 * Python pickles that hold plain data and NumPy arrays, protocols 0 to 5, also packed with gzip or zlib and those that
 * joblib writes.
 *
 * Reading runs nothing: the opcodes that could call or build anything else are refused by name, and of all classes only
 * those of `numpy_pickle.ts` are known. What comes out: None as null, int as number (bigint beyond 2^53), dict as Map,
 * list and tuple as array, set as Set, bytes as Uint8Array, arrays as `NumpyArray`.
 */
import { DataError } from "../cli/errors.ts";
import { joblibArray, JoblibWrapper } from "./joblib_array.ts";
import {
  arrayBytes,
  arrayOf,
  buildState,
  callGlobal,
  type PickleBudget,
  PickledGlobal,
  resolveGlobal,
  unknownClass,
} from "./numpy_pickle.ts";
import { pickleBytes } from "./pickle_bytes.ts";
import { latin1, textBytes, textFloat, textIndex, textInteger, textUnicode } from "./pickle_text.ts";
import { readFileBytes } from "./read_file.ts";

export { encodeSplitsPickle, type Splits } from "./splits_pickle.ts";

/** @throws {DataError} for anything but a whole pickle of plain data and NumPy arrays */
export async function readPickle(path: string): Promise<unknown> {
  return parsePickle(await readFileBytes(path), path);
}

/** As `readPickle`, from bytes; `name` is what errors call the file. Bytes behind the pickle's end are ignored. */
export function parsePickle(bytes: Uint8Array, name: string): unknown {
  return new Unpickler(pickleBytes(bytes, name), name).load();
}

/** Opcodes that ask for more than plain data. */
const refused = new Map<number, string>(
  Object.entries({
    NEWOBJ_EX: 0x92,
    OBJ: 0x6f,
    PERSID: 0x50,
    BINPERSID: 0x51,
    EXT1: 0x82,
    EXT2: 0x83,
    EXT4: 0x84,
    NEXT_BUFFER: 0x97,
    READONLY_BUFFER: 0x98,
  }).map(([opcodeName, code]) => [code, opcodeName]),
);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const largestIntegerBytes = 1024;

/** The stack machine of pickle. Its methods are named for the opcodes that they serve. */
class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fail: (reason: string) => DataError;
  readonly #memo = new Map<number, unknown>();
  readonly #marks: unknown[][] = [];
  readonly #budget: PickleBudget;
  #stack: unknown[] = [];
  #position = 0;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = (reason) => new DataError(`Cannot read "${name}": byte ${this.#position}: ${reason}`);
    // A small file can ask for the same megabyte a thousand times; Python never writes an array twice.
    this.#budget = { bytes: 16 * bytes.length + 65536 };
  }

  load(): unknown {
    for (;;) {
      const opcode = this.#take(1)[0];
      if (opcode === 0x2e) return this.#pop();
      this.#run(opcode);
    }
  }

  #run(opcode: number): void {
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol(this.#take(1)[0]);
      case 0x95: // FRAME
        return this.#frame(this.#length(8));

      case 0x28: // MARK
        this.#marks.push(this.#stack);
        this.#stack = [];
        return;
      case 0x30: // POP
        return void (this.#stack.length === 0 ? this.#popMark() : this.#stack.pop());
      case 0x31: // POP_MARK
        return void this.#popMark();
      case 0x32: // DUP
        return this.#push(this.#top());

      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        this.#take(4);
        return this.#push(this.#view.getInt32(this.#position - 4, true));
      case 0x4b: // BININT1
        return this.#push(this.#length(1));
      case 0x4d: // BININT2
        return this.#push(this.#length(2));
      case 0x8a: // LONG1
        return this.#push(this.#integer(this.#length(1)));
      case 0x8b: // LONG4
        return this.#push(this.#integer(this.#length(4)));
      case 0x49: // INT
        return this.#push(textInteger(this.#line(), false, this.#fail));
      case 0x4c: // LONG
        return this.#push(textInteger(this.#line(), true, this.#fail));
      case 0x46: // FLOAT
        return this.#push(textFloat(this.#line(), this.#fail));
      case 0x47: // BINFLOAT
        this.#take(8);
        return this.#push(this.#view.getFloat64(this.#position - 8, false));

      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#length(4)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#length(1)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#length(8)));
      case 0x56: // UNICODE
        return this.#push(textUnicode(this.#line(), this.#fail));
      case 0x53: // STRING, Python 2's str
        return this.#push(python2Text(textBytes(this.#line(), this.#fail)));
      case 0x54: // BINSTRING
        return this.#push(python2Text(this.#take(this.#length(4))));
      case 0x55: // SHORT_BINSTRING
        return this.#push(python2Text(this.#take(this.#length(1))));
      case 0x42: // BINBYTES
        return this.#push(this.#take(this.#length(4)).slice());
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#take(this.#length(1)).slice());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(this.#take(this.#length(8)).slice());

      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([]);
      case 0x6c: // LIST
      case 0x74: // TUPLE
        return this.#push(this.#popMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(this.#popMany(opcode - 0x84));
      case 0x61: // APPEND
        return this.#appendTo(this.#popMany(1));
      case 0x65: // APPENDS
        return this.#appendTo(this.#popMark());
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x64: // DICT
        return this.#setItems(this.#popMark(), new Map());
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMark());
      case 0x8f: // EMPTY_SET
        return this.#push(new Set());
      case 0x90: // ADDITEMS
        return this.#addItems(this.#popMark());
      case 0x91: // FROZENSET
        return this.#push(new Set(this.#popMark()));

      case 0x70: // PUT
        return void this.#memo.set(textIndex(this.#line(), this.#fail), this.#top());
      case 0x67: // GET
        return this.#get(textIndex(this.#line(), this.#fail));
      case 0x71: // BINPUT
        return void this.#memo.set(this.#length(1), this.#top());
      case 0x72: // LONG_BINPUT
        return void this.#memo.set(this.#length(4), this.#top());
      case 0x94: // MEMOIZE
        return void this.#memo.set(this.#memo.size, this.#top());
      case 0x68: // BINGET
        return this.#get(this.#length(1));
      case 0x6a: // LONG_BINGET
        return this.#get(this.#length(4));

      case 0x63: // GLOBAL
        return this.#push(resolveGlobal(this.#line(), this.#line(), this.#fail));
      case 0x93: // STACK_GLOBAL
        return this.#stackGlobal();
      case 0x69: // INST
        throw this.#fail(unknownClass(this.#line(), this.#line()));
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x81: // NEWOBJ
        return this.#newObject();
      case 0x62: { // BUILD
        const state = this.#pop();
        if (this.#top() instanceof JoblibWrapper) return this.#joblibArray(state);
        return buildState(this.#top(), state, this.#budget, this.#fail);
      }
    }
    const known = refused.get(opcode);
    const named = known === undefined ? `0x${opcode.toString(16).padStart(2, "0")}` : known;
    throw this.#fail(`opcode ${named} is beyond plain data and NumPy arrays of protocols 0 to 5`);
  }

  #protocol(version: number): void {
    if (version > 5) throw this.#fail(`pickle protocol ${version} is not 0 to 5`);
  }

  #frame(length: number): void {
    if (length > this.#bytes.length - this.#position) {
      throw this.#fail("it ends within a frame (is the file cut off?)");
    }
  }

  #stackGlobal(): void {
    const [module, name] = this.#popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.#fail("a class must be named by text");
    }
    this.#push(resolveGlobal(module, name, this.#fail));
  }

  #reduce(): void {
    const [callable, parameters] = this.#popMany(2);
    if (!(callable instanceof PickledGlobal) || !Array.isArray(parameters)) {
      throw this.#fail("only the constructors of NumPy arrays may be called");
    }
    this.#push(callGlobal(callable, parameters, this.#budget, this.#fail));
  }

  /** Of classes that make objects only joblib's wrapper is known. */
  #newObject(): void {
    const [type] = this.#popMany(2);
    if (!(type instanceof PickledGlobal) || type.meaning !== "joblib") {
      throw this.#fail("only the constructors of NumPy arrays may be called");
    }
    this.#push(new JoblibWrapper());
  }

  #joblibArray(state: unknown): void {
    const { shape, dtype, isFortran, isPadded } = joblibArray(state, this.#fail);
    if (isPadded) this.#take(this.#length(1));
    const content = this.#take(arrayBytes(shape, dtype, this.#fail));
    this.#stack[this.#stack.length - 1] = arrayOf(shape, dtype, content, isFortran, this.#budget, this.#fail);
  }

  #appendTo(items: unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fail("items are appended to what is no list");
    for (const item of items) list.push(item);
  }

  #setItems(items: unknown[], fresh?: Map<unknown, unknown>): void {
    if (fresh !== undefined) this.#push(fresh);
    const map = this.#top();
    if (!(map instanceof Map) || items.length % 2 !== 0) {
      throw this.#fail("keys and values are set on what is no dict");
    }
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  }

  #addItems(items: unknown[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#fail("items are added to what is no set");
    for (const item of items) set.add(item);
  }

  #get(index: number): void {
    if (!this.#memo.has(index)) throw this.#fail(`memo entry ${index} is used before it is made`);
    this.#push(this.#memo.get(index));
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#fail("its stack runs empty");
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    if (this.#stack.length < count) throw this.#fail("its stack runs empty");
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #popMark(): unknown[] {
    const items = this.#stack, below = this.#marks.pop();
    if (below === undefined) throw this.#fail("a mark is missing");
    this.#stack = below;
    return items;
  }

  #take(count: number): Uint8Array {
    const start = this.#position;
    if (count > this.#bytes.length - start) throw this.#fail("it ends too early (is the file cut off?)");
    this.#position += count;
    return this.#bytes.subarray(start, start + count);
  }

  /** An unsigned little-endian integer of `width` bytes. */
  #length(width: 1 | 2 | 4 | 8): number {
    this.#take(width);
    const at = this.#position - width;
    if (width === 1) return this.#bytes[at];
    if (width === 2) return this.#view.getUint16(at, true);
    const low = this.#view.getUint32(at, true);
    return width === 4 ? low : low + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  /** A two's-complement little-endian integer. */
  #integer(width: number): number | bigint {
    if (width > largestIntegerBytes) throw this.#fail(`an integer of ${width} bytes is too large`);
    const digits = Array.from(this.#take(width).toReversed(), (byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    const value = BigInt.asIntN(8 * width, BigInt(`0x0${digits}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #text(length: number): string {
    try {
      return utf8.decode(this.#take(length));
    } catch (error) {
      throw error instanceof DataError ? error : this.#fail("text is not UTF-8");
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#position);
    if (end < 0) throw this.#fail("it ends within a line (is the file cut off?)");
    const line = latin1(this.#take(end - this.#position));
    this.#position++;
    return line;
  }
}

/** A str of Python 2: text where it is UTF-8 (which encodes to the same bytes again), else bytes. */
function python2Text(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return new Uint8Array(bytes);
  }
}
