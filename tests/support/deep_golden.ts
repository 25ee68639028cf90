/** The reference numbers of the two DNA models, with the tolerance that their manifest gives for each array. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parseNpy } from "../../lib/io/npy.ts";
import { golden } from "./golden.ts";

/** Folder of the reference numbers, or null where this machine lacks it. */
export const deepGolden = golden("deep");

interface Entry {
  atol?: number;
}

let manifest: Record<string, Entry> | null = null;

export function goldenArray(name: string): { shape: readonly number[]; data: Float32Array; atol: number } {
  const path = join(deepGolden!, name);
  manifest ??= JSON.parse(Deno.readTextFileSync(join(deepGolden!, "manifest.json"))) as Record<string, Entry>;
  const { shape, data } = parseNpy(Deno.readFileSync(path), path);
  return { shape, data: data as Float32Array, atol: manifest[name].atol ?? 0 };
}

export function goldenIntegers(name: string): { shape: readonly number[]; data: Int32Array<ArrayBuffer> } {
  const path = join(deepGolden!, name);
  const { shape, data } = parseNpy(Deno.readFileSync(path), path);
  return { shape, data: Int32Array.from(data as BigInt64Array, Number) };
}

/**
 * Compare with a reference array within its tolerance.
 *
 * @param mask one number a row: rows with 0 are left out
 */
export function assertGolden(actual: Float32Array, name: string, mask?: ArrayLike<number>): void {
  const { shape, data, atol } = goldenArray(name);
  assertEquals(actual.length, data.length, name);
  const columns = shape.at(-1)!;
  let worst = 0;
  for (let i = 0; i < data.length; i++) {
    if (mask && mask[Math.floor(i / columns)] === 0) continue;
    const error = Math.abs(actual[i] - data[i]);
    if (!(error <= worst)) worst = error;
  }
  if (!(worst <= atol)) throw new Error(`${name}: off by ${worst}, allowed ${atol}`);
}
