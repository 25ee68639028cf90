/**
 * Reads Python's pickles, protocols 0 to 5, as data: what a name in a pickle becomes, and what calling it gives, a
 * dialect says; nothing that a pickle names is ever run.
 *
 * What comes out of plain values: None as null, int as number (bigint beyond 2^53), dict as Map, list and tuple as array,
 * set as Set, bytes as Uint8Array.
 */
import { DataError } from "../cli/errors.ts";
import { latin1, textBytes, textFloat, textIndex, textInteger, textUnicode } from "./pickle_text.ts";

/** A pickle that is damaged, or asks for what its dialect does not know. */
export class PickleError extends DataError {
  constructor(name: string, readonly position: number, readonly reason: string) {
    super(`Cannot read "${name}": byte ${position}: ${reason}`);
  }
}

/** What a dialect sees of the pickle that is being read. */
export interface PickleStream {
  readonly fail: (reason: string) => DataError;
  /** Bytes that arrays may still take. */
  readonly budget: { bytes: number };
  /** The next bytes of the file. */
  take(count: number): Uint8Array;
  /** The next byte of the file as a number. */
  length(): number;
}

/** What the names in a pickle mean. Each throws by `stream.fail` for what it does not know. */
export interface PickleDialect {
  /** GLOBAL: what stands for a class or function. */
  resolve(module: string, name: string, stream: PickleStream): unknown;
  /** REDUCE: the value that a call gives. */
  call(callable: unknown, parameters: unknown, stream: PickleStream): unknown;
  /** NEWOBJ and its like: a new object of a class. */
  create(type: unknown, parameters: unknown, stream: PickleStream): unknown;
  /** BUILD: the object with its state set, which may be another one. */
  build(object: unknown, state: unknown, stream: PickleStream): unknown;
  /** PERSID: what a persistent id stands for. */
  persistent(id: unknown, stream: PickleStream): unknown;
}

/** Stands for an object that we do not have: swallows whatever the pickle puts into it. */
export class InertObject {
  constructor(readonly name: string) {}
}

/** Opcodes that name things by numbers of a registry, or take bytes from outside. */
const refused = new Map<number, string>(
  Object.entries({
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
export class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fail: (reason: string) => DataError;
  readonly #memo = new Map<number, unknown>();
  readonly #marks: unknown[][] = [];
  readonly #dialect: PickleDialect;
  readonly #stream: PickleStream;
  #stack: unknown[] = [];
  #position = 0;

  /** @param name what errors call the file */
  constructor(bytes: Uint8Array, name: string, dialect: PickleDialect) {
    this.#bytes = bytes;
    this.#dialect = dialect;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = (reason) => new PickleError(name, this.#position, reason);
    // A small file can ask for the same megabyte a thousand times; Python never writes an array twice.
    const budget = { bytes: 16 * bytes.length + 65536 };
    this.#stream = {
      fail: this.#fail,
      budget,
      take: (count) => this.#take(count),
      length: () => this.#length(1),
    };
  }

  /** @throws {PickleError} when the pickle is damaged or asks for what the dialect does not know */
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
        return this.#push(textInteger(this.#line(), "INT", this.#fail));
      case 0x4c: // LONG
        return this.#push(textInteger(this.#line(), "LONG", this.#fail));
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
        return this.#push(this.#global(this.#line(), this.#line()));
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        return this.#push(this.#global(module, name));
      }
      case 0x52: { // REDUCE
        const [callable, parameters] = this.#popMany(2);
        return this.#push(this.#dialect.call(callable, parameters, this.#stream));
      }
      case 0x81: { // NEWOBJ
        const [type, parameters] = this.#popMany(2);
        return this.#push(this.#dialect.create(type, parameters, this.#stream));
      }
      case 0x92: { // NEWOBJ_EX
        const [type, parameters] = this.#popMany(3);
        return this.#push(this.#dialect.create(type, parameters, this.#stream));
      }
      case 0x69: { // INST
        const type = this.#global(this.#line(), this.#line());
        return this.#push(this.#dialect.create(type, this.#popMark(), this.#stream));
      }
      case 0x6f: { // OBJ
        const [type, ...parameters] = this.#popMark();
        return this.#push(this.#dialect.create(type, parameters, this.#stream));
      }
      case 0x62: { // BUILD
        const state = this.#pop(), object = this.#pop();
        return this.#push(this.#dialect.build(object, state, this.#stream));
      }
      case 0x50: // PERSID
        return this.#push(this.#dialect.persistent(this.#line(), this.#stream));
      case 0x51: // BINPERSID
        return this.#push(this.#dialect.persistent(this.#pop(), this.#stream));
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

  #global(module: unknown, name: unknown): unknown {
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.#fail("a class must be named by text");
    }
    return this.#dialect.resolve(module, name, this.#stream);
  }

  #appendTo(items: unknown[]): void {
    const list = this.#top();
    if (list instanceof InertObject) return;
    if (!Array.isArray(list)) throw this.#fail("items are appended to what is no list");
    for (const item of items) list.push(item);
  }

  #setItems(items: unknown[], fresh?: Map<unknown, unknown>): void {
    if (fresh !== undefined) this.#push(fresh);
    const map = this.#top();
    if (map instanceof InertObject) return;
    if (!(map instanceof Map) || items.length % 2 !== 0) {
      throw this.#fail("keys and values are set on what is no dict");
    }
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  }

  #addItems(items: unknown[]): void {
    const set = this.#top();
    if (set instanceof InertObject) return;
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
