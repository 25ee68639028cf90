/** Which BLAS library multiplies: the first usable one of the usual places, or the one that the user names. */
import { resolve } from "@std/path";
import { DataError, UsageError } from "../../cli/errors.ts";
import { shellQuoted } from "../../cli/command_line.ts";
import { type Blas, openBlas } from "./blas.ts";
import { multipliesRight } from "./blas_check.ts";
import { candidates } from "./blas_places.ts";
import type { Engine } from "./engine.ts";

export interface ChosenBlas {
  /** Takes the larger products; null where the engine multiplies alone. */
  readonly blas: Blas | null;
  /** A library that was found and multiplies wrongly. */
  readonly refused: string | null;
}

/**
 * @param choice "auto", "off", or the path of a library
 * @throws {UsageError} where the run may not use the named library
 * @throws {DataError} where the named file is no library that multiplies
 */
export async function chooseBlas(engine: Engine, choice: string): Promise<ChosenBlas> {
  if (choice === "off") return { blas: null, refused: null };
  const found = choice === "auto"
    ? firstOf(candidates[Deno.build.os] ?? [], engine)
    : await named(choice, engine);
  if (found === null || multipliesRight(engine, found)) return { blas: found, refused: null };
  found.close();
  if (choice === "auto") return { blas: null, refused: found.library };
  throw new DataError(
    `Cannot use --blas "${choice}": it multiplies wrongly on this machine. ` +
      "Give another library, or off to multiply without one",
  );
}

/** @returns null where there is no library, or FFI is not granted for it (nobody is asked) */
function firstOf(libraries: readonly string[], { heap, pool }: Engine): Blas | null {
  for (const library of libraries) {
    if (!mayUse(library)) continue;
    try {
      const blas = openBlas(library, heap.memory, pool.options.threads);
      if (blas) return blas;
    } catch {
      continue; // Not installed.
    }
  }
  return null;
}

async function named(choice: string, { heap, pool }: Engine): Promise<Blas> {
  const path = resolve(choice), cannot = `Cannot use --blas "${choice}"`;
  if (await isFile(path, cannot) === false) {
    throw new DataError(
      `${cannot}: there is no such file. Give auto, off or the path of a library, such as /usr/lib/libmkl_rt.so.2`,
    );
  }
  if (!mayUse(path)) {
    throw new UsageError(
      `${cannot}: Deno was not allowed to call it. Add ${
        shellQuoted(`--allow-ffi=${path}`)
      } behind "deno run -P"`,
    );
  }
  let blas: Blas | null;
  try {
    blas = openBlas(path, heap.memory, pool.options.threads);
  } catch (error) {
    throw new DataError(
      `${cannot}: it is not a library that this machine can load (${
        (error as Error).message.replace(/^(Could not open library: )+/, "")
      })`,
    );
  }
  if (blas) return blas;
  throw new DataError(
    `${cannot}: it has no cblas_sgemm. Give a library with CBLAS, such as libopenblas, libmkl_rt, libblis or libcblas`,
  );
}

/** Null where the run may not look. */
async function isFile(path: string, cannot: string): Promise<boolean | null> {
  try {
    if ((await Deno.stat(path)).isFile) return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? false : null;
  }
  throw new DataError(`${cannot}: it is not a file. Give the library itself, such as ${path}/libmkl_rt.so.2`);
}

function mayUse(path: string): boolean {
  return Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
}
