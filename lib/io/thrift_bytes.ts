/** Thrift's compact protocol, in which Parquet writes its headers: fields, whole numbers and text, one after the other. */

/** Types of fields and of what a list holds. */
export const thrift = { int32: 5, int64: 6, text: 8, list: 9, struct: 12 } as const;

export class ThriftBytes {
  #bytes = new Uint8Array(2 ** 16);
  #length = 0;

  /** What was written: a view, which the next write may change. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The head of a field. @param step from the number of the struct's field before, 1 to 15 */
  field(step: number, type: number): this {
    return this.byte(step << 4 | type);
  }

  /** A field with a whole number. @param value up to 2^52 */
  number(step: number, type: typeof thrift.int32 | typeof thrift.int64, value: number): this {
    return this.field(step, type).#varint(2 * value); // numbers are zigzag: even ones are not negative
  }

  /** A field with text. */
  text(step: number, value: string): this {
    return this.field(step, thrift.text).plainText(value);
  }

  /** A field with a list; what it holds is to be written behind. */
  list(step: number, type: number, count: number): this {
    this.field(step, thrift.list);
    return count < 15 ? this.byte(count << 4 | type) : this.byte(0xf0 | type).#varint(count);
  }

  /** The end of a struct. */
  end(): this {
    return this.byte(0);
  }

  /** What a list of numbers holds. */
  plainNumber(value: number): this {
    return this.#varint(2 * value);
  }

  /** What a list of text holds. */
  plainText(value: string): this {
    this.#ensure(3 * value.length + 10);
    const start = this.#length;
    this.#varint(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#length = start;
        return this.#encoded(new TextEncoder().encode(value));
      }
      this.#bytes[this.#length++] = code;
    }
    return this;
  }

  byte(value: number): this {
    this.#ensure(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  #encoded(bytes: Uint8Array): this {
    this.#varint(bytes.length);
    this.#ensure(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #varint(value: number): this {
    this.#ensure(10);
    for (; value > 127; value = Math.floor(value / 128)) this.#bytes[this.#length++] = value % 128 + 128;
    this.#bytes[this.#length++] = value;
    return this;
  }

  #ensure(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * this.#bytes.length + more);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
