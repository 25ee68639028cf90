/** Which row belongs to which perturbation, and to which half of its rows. */
import { ModelStream } from "../random/model_stream.ts";

/** Rows by slots: a slot a perturbation, then one of the controls, then one of all other rows. */
export interface RowGroups {
  /** Perturbations in order: slots 0, 1, ... */
  readonly names: readonly string[];
  /** Slot of each row; -1 for rows that are left out. */
  readonly slotOf: Int32Array;
  /** 0 or 1. */
  readonly halfOf: Uint8Array;
  /** Weight of each row; null: all alike. */
  readonly weights: Float64Array | null;
  /** Rows of each slot's halves: slot * 2 + half. */
  readonly counts: Float64Array;
}

/** Slot of the controls. */
export const controlSlot = ({ names }: Pick<RowGroups, "names">) => names.length;
/** Number of slots. */
export const slotCount = ({ names }: Pick<RowGroups, "names">) => names.length + 2;

/**
 * Halves of each slot's guides; of its rows where the rows are guides, or it has a single guide. The same seed and names
 * give the same halves.
 *
 * @param guides name of each row's guide; null where the rows are guides themselves
 */
export function splitHalves(
  slotOf: Int32Array,
  names: readonly string[],
  guides: readonly (string | null)[] | null,
  seed: number,
): Uint8Array {
  const rowsOf = Array.from({ length: names.length + 2 }, () => [] as number[]);
  slotOf.forEach((slot, row) => slot >= 0 && rowsOf[slot].push(row));
  const halfOf = new Uint8Array(slotOf.length);
  rowsOf.forEach((rows, slot) => {
    const units = new Map<string, number[]>();
    for (const row of rows) units.getOrInsertComputed(guides?.[row] ?? `row ${row}`, () => []).push(row);
    const parts = units.size > 1 ? [...units.values()] : rows.map((row) => [row]);
    const order = new ModelStream(seed, `halves of ${names[slot] ?? slot - names.length}`).permutation(
      parts.length,
    );
    order.forEach((part, i) => {
      for (const row of parts[part]) halfOf[row] = i % 2;
    });
  });
  return halfOf;
}

/** Rows of each slot's halves. */
export function countRows(slotOf: Int32Array, halfOf: Uint8Array, slots: number): Float64Array {
  const counts = new Float64Array(2 * slots);
  slotOf.forEach((slot, row) => slot >= 0 && counts[2 * slot + halfOf[row]]++);
  return counts;
}
