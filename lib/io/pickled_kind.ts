/** What a pickle holds, in words for a message. @param value what `readPickle` gave */
export function pickledKind(value: unknown): string {
  if (value instanceof Map) {
    const keys = [...value.keys()].slice(0, 5).map((key) => `"${String(key).slice(0, 40)}"`);
    return keys.length === 0
      ? "an empty dict"
      : `a dict with the keys ${keys.join(", ")}${value.size > 5 ? ", ..." : ""}`;
  }
  if (Array.isArray(value)) return `a list or tuple of ${value.length}`;
  if (value instanceof Set) return `a set of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object" && value !== null && "shape" in value) {
    return `an array of shape (${(value.shape as number[]).join(", ")})`;
  }
  if (value === null) return "None";
  return typeof value === "string" ? "text" : typeof value === "boolean" ? "a truth value" : "a number";
}
