/** Writes small ONNX models: protocol buffers by hand, as much of them as the tests need. */

type Bytes = number[];

const utf8 = (text: string): Bytes => [...new TextEncoder().encode(text)];

function varint(value: number): Bytes {
  const bytes: Bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return [...bytes, value];
}

const integer = (field: number, value: number): Bytes => [...varint(field * 8), ...varint(value)];
const bytes = (
  field: number,
  content: Bytes,
): Bytes => [...varint(field * 8 + 2), ...varint(content.length), ...content];
const text = (field: number, content: string): Bytes => bytes(field, utf8(content));

export const onnxTypes = { float: 1, int32: 6, int64: 7, float16: 10 } as const;

export interface OnnxValue {
  name: string;
  type: keyof typeof onnxTypes;
  /** Numbers, or names of sizes that vary. */
  shape: (number | string)[];
}

export interface OnnxNode {
  op: string;
  inputs: string[];
  outputs: string[];
  /** Whole-number attributes. */
  attributes?: Record<string, number>;
}

export interface OnnxGraph {
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  nodes: OnnxNode[];
  /** float32 constants. */
  constants: { name: string; shape: number[]; data: Float32Array<ArrayBuffer> }[];
}

export function onnxModel({ inputs, outputs, nodes, constants }: OnnxGraph): Uint8Array<ArrayBuffer> {
  const value = ({ name, type, shape }: OnnxValue) => {
    const sizes = shape.flatMap((size) =>
      bytes(1, typeof size === "number" ? integer(1, size) : text(2, size))
    );
    return [...text(1, name), ...bytes(2, bytes(1, [...integer(1, onnxTypes[type]), ...bytes(2, sizes)]))];
  };
  const node = ({ op, inputs, outputs, attributes = {} }: OnnxNode) => [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, i]) =>
      bytes(5, [...text(1, name), ...integer(3, i), ...integer(20, 2)])
    ),
  ];
  const constant = ({ name, shape, data }: OnnxGraph["constants"][number]) => [
    ...shape.flatMap((size) => integer(1, size)),
    ...integer(2, onnxTypes.float),
    ...text(8, name),
    ...bytes(9, [...new Uint8Array(data.buffer)]),
  ];
  const graph = [
    ...nodes.flatMap((each) => bytes(1, node(each))),
    ...text(2, "graph"),
    ...constants.flatMap((each) => bytes(5, constant(each))),
    ...inputs.flatMap((each) => bytes(11, value(each))),
    ...outputs.flatMap((each) => bytes(12, value(each))),
  ];
  return new Uint8Array([
    ...integer(1, 8),
    ...bytes(7, graph),
    ...bytes(8, [...text(1, ""), ...integer(2, 17)]),
  ]);
}
