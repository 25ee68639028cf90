/**
 * Universal Binary JSON (draft 12), as XGBoost writes it: big-endian numbers, and arrays that may say their type and count
 * in front. Numbers become JavaScript's, a typed array becomes a plain one.
 */

/** What is wrong with the bytes, and where. */
export class UbjsonError extends Error {
  constructor(readonly position: number, readonly reason: string) {
    super(`byte ${position}: ${reason}`);
  }
}

/** Bytes of each type of number, by its marker. */
const widths: Record<string, number> = { i: 1, U: 1, I: 2, l: 4, L: 8, d: 4, D: 8 };
/** A file may nest this deep; XGBoost's go to 8. */
const maxDepth = 64;

/** @throws {UbjsonError} when the bytes end too early or hold a marker that is none */
export function parseUbjson(bytes: Uint8Array): unknown {
  const reader = new UbjsonReader(bytes);
  const value = reader.value(0);
  if (!reader.isAtEnd) throw reader.fail("more follows where the file should end");
  return value;
}

class UbjsonReader {
  readonly #view: DataView;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  fail(reason: string): UbjsonError {
    return new UbjsonError(this.#at, reason);
  }

  value(depth: number, marker = this.#marker()): unknown {
    if (depth > maxDepth) throw this.fail(`it is nested more than ${maxDepth} deep`);
    if (marker in widths) return this.#number(marker);
    switch (marker) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case "S":
        return this.#text();
      case "C":
        return String.fromCharCode(this.bytes[this.#skip(1)]);
      case "T":
        return true;
      case "F":
        return false;
      case "Z":
        return null;
    }
    this.#at--;
    throw this.fail(`${JSON.stringify(marker)} begins no value`);
  }

  #object(depth: number): Record<string, unknown> {
    // Without a prototype: a key is data, whatever it says.
    const object: Record<string, unknown> = Object.create(null);
    const { type, count } = this.#header();
    for (let i = 0; count === null ? !this.#ends("}") : i < count; i++) {
      const key = this.#text();
      object[key] = this.value(depth + 1, type ?? undefined);
    }
    return object;
  }

  #array(depth: number): unknown[] {
    const { type, count } = this.#header();
    if (type !== null && count !== null && type in widths) {
      if (count * widths[type] > this.bytes.length - this.#at) throw this.#cut();
      return Array.from({ length: count }, () => this.#number(type));
    }
    const items: unknown[] = [];
    while (count === null ? !this.#ends("]") : items.length < count) {
      items.push(this.value(depth + 1, type ?? undefined));
    }
    return items;
  }

  /** What may stand behind "{" and "[": "$" and a type, "#" and a count. */
  #header(): { type: string | null; count: number | null } {
    const type = this.#ends("$") ? this.#marker() : null;
    if (!this.#ends("#")) {
      if (type !== null) throw this.fail("a type stands without a count");
      return { type, count: null };
    }
    const count = this.#length();
    // Types without bytes of their own could ask for any number of values.
    if (type !== null && "TFZ".includes(type)) throw this.fail("a list repeats one constant");
    return { type, count };
  }

  #text(): string {
    const length = this.#length(), start = this.#skip(length);
    try {
      return this.#decoder.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw new UbjsonError(start, "the text is not UTF-8");
    }
  }

  #length(): number {
    const marker = this.#marker();
    const length = marker in widths && !"dD".includes(marker) ? this.#number(marker) : NaN;
    if (!(length >= 0)) throw this.fail("a length is no whole number");
    return length;
  }

  #number(marker: string): number {
    const view = this.#view, at = this.#skip(widths[marker]);
    switch (marker) {
      case "i":
        return view.getInt8(at);
      case "U":
        return view.getUint8(at);
      case "I":
        return view.getInt16(at);
      case "l":
        return view.getInt32(at);
      case "L":
        return Number(view.getBigInt64(at));
      case "d":
        return view.getFloat32(at);
      default:
        return view.getFloat64(at);
    }
  }

  #marker(): string {
    let marker;
    do marker = String.fromCharCode(this.bytes[this.#skip(1)]); while (marker === "N");
    return marker;
  }

  /** Step over a byte where it is this one. */
  #ends(marker: string): boolean {
    if (this.isAtEnd) throw this.#cut();
    const is = this.bytes[this.#at] === marker.charCodeAt(0);
    if (is) this.#at++;
    return is;
  }

  /** Step over bytes; where they began. */
  #skip(count: number): number {
    const start = this.#at;
    if (count > this.bytes.length - start) throw this.#cut();
    this.#at += count;
    return start;
  }

  #cut(): UbjsonError {
    return new UbjsonError(this.bytes.length, "the file is cut off");
  }
}
