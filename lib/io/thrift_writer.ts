/**
 * Thrift's compact protocol, as far as Parquet's headers and footers need it. Fields must be written in ascending order
 * of their ids, each struct begun and ended.
 */
export class ThriftWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  /** Id of the latest field in each struct that is open. */
  readonly #latest: number[] = [];

  /** What was written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begin a struct: the outermost one, an element of a list, or (with its id) a field. */
  begin(id?: number): this {
    if (id !== undefined) this.#field(id, 12);
    this.#latest.push(0);
    return this;
  }

  end(): this {
    this.#latest.pop();
    return this.#byte(0);
  }

  int32(id: number, value: number): this {
    return this.#field(id, 5).#zigzag(value);
  }

  /** A 64-bit integer of up to 53 bits. */
  int64(id: number, value: number): this {
    return this.#field(id, 6).#zigzag(value);
  }

  text(id: number, value: string): this {
    return this.#field(id, 8).#text(value);
  }

  textList(id: number, values: readonly string[]): this {
    this.#field(id, 9).#listHeader(values.length, 8);
    for (const value of values) this.#text(value);
    return this;
  }

  int32List(id: number, values: readonly number[]): this {
    this.#field(id, 9).#listHeader(values.length, 5);
    for (const value of values) this.#zigzag(value);
    return this;
  }

  /** Head of a list of structs: its elements follow, each begun and ended. */
  structList(id: number, count: number): this {
    return this.#field(id, 9).#listHeader(count, 12);
  }

  #field(id: number, type: number): this {
    const depth = this.#latest.length - 1;
    this.#byte((id - this.#latest[depth]) << 4 | type);
    this.#latest[depth] = id;
    return this;
  }

  #listHeader(count: number, type: number): this {
    return count < 15 ? this.#byte(count << 4 | type) : this.#byte(0xf0 | type).#varint(count);
  }

  #text(value: string): this {
    const most = 3 * value.length;
    // ASCII, as nearly all names are, has as many bytes as characters.
    this.#reserve(most + 5);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#length + 5));
    const start = this.#length + 5;
    this.#varint(written);
    this.#bytes.copyWithin(this.#length, start, start + written);
    this.#length += written;
    return this;
  }

  #zigzag(value: number): this {
    return this.#varint(value >= 0 ? 2 * value : -2 * value - 1);
  }

  #varint(value: number): this {
    for (; value >= 128; value = Math.floor(value / 128)) this.#byte(value % 128 + 128);
    return this.#byte(value);
  }

  #byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

const encoder = new TextEncoder();
