/**
 * What we use of onnxruntime-web. Declared here, and imported by a name that is put together, so that its 139 MB are fetched
 * with `--onnx` and not with the first run of any script.
 */

export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
  dispose(): void;
}

export interface OnnxValue {
  readonly isTensor: boolean;
  /** Of a tensor: its type, and its sizes, text where they are open. */
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly OnnxValue[];
  readonly outputMetadata: readonly OnnxValue[];
  run(feeds: Record<string, OnnxTensor>, outputs: readonly string[]): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  readonly env: { wasm: { numThreads?: number }; logLevel?: string };
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: string[] }): Promise<OnnxSession>;
  };
  readonly Tensor: new (
    type: "int64" | "int32",
    data: BigInt64Array | Int32Array,
    dims: readonly number[],
  ) => OnnxTensor;
}

/** @param onGpu the build that computes by WebGPU */
export async function loadOnnxRuntime(onGpu: boolean): Promise<OnnxRuntime> {
  const build = `npm:onnxruntime-web@1.30.0${onGpu ? "/webgpu" : ""}`;
  return await import(build);
}
