/** Bytes of main memory, in all or not in use; Infinity where the run may not know. */
export function systemMemory(which: "total" | "available"): number {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return state === "granted" ? Deno.systemMemoryInfo()[which] : Infinity;
}
