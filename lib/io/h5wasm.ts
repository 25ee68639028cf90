/**
 * What we use of h5wasm, the HDF5 library in WebAssembly. Declared here, and imported by a name that is put together, so
 * that its 10 MB are fetched with the first h5ad file and not with the first run of any script.
 */

/** What HDF5 tells of a dataset or attribute. */
export interface HdfType {
  /** Class of HDF5: 0 integer, 1 float, 3 text, 6 compound, 8 enumeration. */
  readonly type: number;
  /** Bytes of an element. */
  readonly size: number;
  readonly littleEndian: boolean;
  readonly shape: readonly number[] | null;
  readonly chunks: readonly number[] | null;
  readonly compound_type?: { readonly members: readonly (HdfType & { readonly name: string })[] };
}

export interface HdfAttribute {
  readonly value: unknown;
}

export interface HdfEntity {
  readonly type: string;
  readonly attrs: Readonly<Record<string, HdfAttribute>>;
}

export interface HdfDataset extends HdfEntity {
  readonly metadata: HdfType;
  readonly filters: readonly { readonly id: number; readonly name: string }[];
  readonly value: unknown;
  slice(ranges: readonly (readonly [number, number])[]): unknown;
}

export interface NewDataset {
  name: string;
  data: ArrayBufferView | readonly string[];
  shape?: readonly number[];
  dtype?: string;
  chunks?: readonly number[];
  compression?: number;
}

export interface HdfGroup extends HdfEntity {
  keys(): string[];
  get(path: string): HdfEntity | null;
  create_group(name: string): HdfGroup;
  create_dataset(dataset: NewDataset): HdfDataset;
  create_attribute(name: string, value: unknown, shape?: readonly number[] | null, dtype?: string): void;
}

export interface HdfFile extends HdfGroup {
  close(): number;
}

interface FileNode {
  usedBytes: number;
  stream_ops: Record<string, (...operands: never[]) => unknown>;
}

export interface HdfModule {
  readonly FS: {
    createFile(
      folder: string,
      name: string,
      properties: object,
      canRead: boolean,
      canWrite: boolean,
    ): FileNode;
    readFile(path: string): Uint8Array<ArrayBuffer>;
    unlink(path: string): void;
  };
  activate_throwing_error_handler(): number;
}

export interface H5wasm {
  readonly ready: Promise<HdfModule>;
  readonly File: new (path: string, mode: "r" | "w") => HdfFile;
}

/** The library, once it is ready; its errors are thrown rather than printed. */
export async function loadH5wasm(): Promise<{ h5wasm: H5wasm; module: HdfModule }> {
  const build = "npm:h5wasm@0.10.3";
  const h5wasm = await import(build) as H5wasm;
  const module = await h5wasm.ready;
  module.activate_throwing_error_handler();
  return { h5wasm, module };
}
