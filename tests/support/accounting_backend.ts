/** The float64 reference engine with an account of its storages: what lives, what was at most, what was given back twice. */
import type { Backend, DType, Storage } from "../../lib/backend/backend.ts";
import { openReferenceBackend, values } from "./reference.ts";

export interface AccountingBackend extends Backend {
  /** Storages not yet released. */
  readonly live: Set<Storage>;
  /** Calls of an operation so far. */
  count(operation: keyof Backend): number;
}

/** Released storages are filled with NaN, so that whoever still reads them shows. */
export function openAccountingBackend(): AccountingBackend {
  const reference = openReferenceBackend();
  const live = new Set<Storage>();
  const calls = new Map<string, number>();
  const memory = { current: 0, peak: 0 };
  const own = {
    live,
    memory,
    count: (operation: string) => calls.get(operation) ?? 0,
    allocate(dtype: DType, length: number) {
      const storage = reference.allocate(dtype, length);
      live.add(storage);
      memory.current += 4 * length;
      memory.peak = Math.max(memory.peak, memory.current);
      return storage;
    },
    release(storage: Storage) {
      if (!live.delete(storage)) throw new Error("Released twice");
      memory.current -= 4 * storage.length;
      values(storage).fill(NaN);
    },
  };
  return new Proxy(reference, {
    get(target, name: string) {
      if (name in own) return own[name as keyof typeof own];
      const value = target[name as keyof Backend];
      if (typeof value !== "function") return value;
      return (...parameters: unknown[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return (value as (...parameters: unknown[]) => unknown).apply(target, parameters);
      };
    },
  }) as AccountingBackend;
}
