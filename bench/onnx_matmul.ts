/** The smallest ONNX model: one MatMul of m x k by k x n, as the bytes of its protocol buffer. */

const encoder = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return [...bytes, value];
}

const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const message = (field: number, ...parts: number[][]) => {
  const bytes = parts.flat();
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
};
const text = (field: number, value: string) => message(field, [...encoder.encode(value)]);

/** ValueInfoProto of a float matrix. */
function matrix(field: number, name: string, rows: number, columns: number): number[] {
  const shape = message(2, message(1, number(1, rows)), message(1, number(1, columns)));
  return message(field, text(1, name), message(2, message(1, number(1, 1), shape)));
}

/** @returns a ModelProto whose inputs are "a" (m x k) and "b" (k x n), its output "c" (m x n) */
export function onnxMatmul(m: number, k: number, n: number): Uint8Array {
  const node = message(1, text(1, "a"), text(1, "b"), text(2, "c"), text(4, "MatMul"));
  const graph = message(
    7,
    node,
    text(2, "g"),
    matrix(11, "a", m, k),
    matrix(11, "b", k, n),
    matrix(12, "c", m, n),
  );
  return Uint8Array.from([...number(1, 8), ...graph, ...message(8, text(1, ""), number(2, 17))]);
}
