import { UsageError } from "./errors.ts";

const units: Record<string, number> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes of "512MB", "3.5 GB" or "2GiB" (powers of 1024). @throws {UsageError} naming the flag, for anything else */
export function parseByteSize(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG])(?:i?B)?$/i.exec(text.trim());
  if (!match) throw new UsageError(`Cannot use --${flag} ${text}: expected a size such as 512MB or 3.5GB`);
  return Math.floor(Number(match[1]) * units[match[2].toUpperCase()]);
}
