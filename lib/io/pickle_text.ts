/** The arguments of pickle's text opcodes (protocols 0 and 1), each a line of latin1. */
import type { DataError } from "../cli/errors.ts";

type Fail = (reason: string) => DataError;

/** Digits of the largest integer that is read: 1,024 bytes of it, as in the binary opcodes. */
const mostDigits = 2466;

/** Bytes as text, each a character. (The platform's "latin1" is Windows-1252: 0x80 to 0x9f differ.) */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** INT and LONG: `5`, `-1`, `00` and `01` for the booleans, `5L`. Bigint beyond 2^53. */
export function textInteger(line: string, opcode: "INT" | "LONG", fail: Fail): number | bigint | boolean {
  if (opcode === "INT" && (line === "00" || line === "01")) return line === "01";
  const digits = opcode === "LONG" ? line.replace(/L$/, "") : line;
  if (digits.length > mostDigits) throw fail(`an integer of ${digits.length} digits is too large`);
  if (!/^\s*[+-]?\d+\s*$/.test(digits)) throw fail("an integer is not made of digits");
  const value = BigInt(digits.trim().replace(/^\+/, ""));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** FLOAT: as Python's `repr` writes it. */
export function textFloat(line: string, fail: Fail): number {
  const word = line.trim();
  const special = /^([+-]?)(inf|nan)$/i.exec(word);
  if (special) return special[2].toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) throw fail("a float is not a decimal number");
  return Number(word);
}

const escapes: Record<string, number> = {
  "\\": 92,
  "'": 39,
  '"': 34,
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/** STRING: the bytes of a str of Python 2, in the quotes and escapes of its `repr`. */
export function textBytes(line: string, fail: Fail): Uint8Array {
  const quoted = line.trim(), quote = quoted[0];
  if (quoted.length < 2 || (quote !== "'" && quote !== '"') || quoted.at(-1) !== quote) {
    throw fail("a text lacks its quotes");
  }
  const body = quoted.slice(1, -1), bytes = new Uint8Array(body.length);
  let length = 0;
  for (let at = 0; at < body.length; at++) {
    if (body[at] !== "\\") {
      bytes[length++] = body.charCodeAt(at);
      continue;
    }
    const rest = body.slice(at + 1, at + 4);
    const code = /^x([0-9a-f]{2})/i.exec(rest) ?? /^([0-7]{1,3})/.exec(rest);
    if (code !== null) {
      bytes[length++] = parseInt(code[1], rest[0] === "x" ? 16 : 8);
      at += code[0].length;
    } else if (rest[0] in escapes) {
      bytes[length++] = escapes[rest[0]];
      at++;
    } else {
      bytes[length++] = 92; // Python keeps a backslash that escapes nothing
    }
  }
  return bytes.subarray(0, length);
}

/** UNICODE: latin1 with `\uXXXX` and `\UXXXXXXXX` for all else (Python's raw-unicode-escape). */
export function textUnicode(line: string, fail: Fail): string {
  return line.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (_, short?: string, long?: string) => {
    const code = parseInt(short ?? long!, 16);
    if (code > 0x10ffff) throw fail("a text holds a character beyond Unicode");
    return String.fromCodePoint(code);
  });
}

/** PUT and GET: the number of a memo entry. */
export function textIndex(line: string, fail: Fail): number {
  if (!/^\d{1,9}$/.test(line.trim())) throw fail("the number of a memo entry is not made of digits");
  return Number(line);
}
