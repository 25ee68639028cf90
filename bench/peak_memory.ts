/** Peak memory of this process. */

/** High-water mark of the resident memory in MiB; undefined where the system does not tell (/proc is read with -A alone). */
export function peakMib(): number | undefined {
  try {
    const found = /VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
    return found ? Number(found[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}
