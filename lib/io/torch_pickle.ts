/** What the names in a PyTorch checkpoint's pickle become. Nothing here runs anything that the pickle brings. */
import { DataError } from "../cli/errors.ts";
import { bytesPerElement, type TensorInfo, type TensorType } from "./tensor_file.ts";
import { InertObject, type PickleDialect } from "./unpickler.ts";

/** A storage of the archive: entry `data/<key>`, `length` elements of `dtype`. */
export interface PickledStorage {
  readonly key: string;
  readonly dtype: TensorType;
  readonly length: number;
}

/** A tensor as its pickle describes it: a strided window on a storage. */
export class PickledTensor implements TensorInfo {
  readonly dtype: TensorType;
  constructor(
    readonly storage: PickledStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    this.dtype = storage.dtype;
    this.shape = [...shape];
    this.strides = [...strides];
    Object.freeze(this); // a pickle may try to change an object once it is made
  }
}

const storageTypes: Record<string, TensorType> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  UntypedStorage: "U8", // its length is in bytes
};

/** Types of tensors whose storage is bytes (`_rebuild_tensor_v3`). */
const tensorTypes: Record<string, TensorType> = {
  "torch.float64": "F64",
  "torch.float32": "F32",
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.int64": "I64",
  "torch.int32": "I32",
  "torch.int16": "I16",
  "torch.int8": "I8",
  "torch.uint64": "U64",
  "torch.uint32": "U32",
  "torch.uint16": "U16",
  "torch.uint8": "U8",
  "torch.bool": "BOOL",
};

/** A storage of numbers that are not read, such as complex or 8-bit ones: a tensor of it is no more than its type. */
class UnreadStorage {
  constructor(readonly type: string) {}
}

/** A tensor whose numbers are not read; `name` is their type. */
export class UnreadTensor extends InertObject {}

/** Functions that checkpoints call to make plain values (numbers, dates, enums); a placeholder does for them. */
const harmless = new Set([
  "_codecs.encode",
  "copyreg._reconstructor",
  "copy_reg._reconstructor",
  "collections.defaultdict",
  "collections.deque",
  "datetime.date",
  "datetime.datetime",
  "datetime.time",
  "datetime.timedelta",
  "datetime.timezone",
  "functools.partial",
  "numpy.dtype",
  "numpy.ndarray",
  "numpy.core.multiarray._reconstruct",
  "numpy.core.multiarray.scalar",
  "numpy.core.numeric._frombuffer",
  "numpy._core.multiarray._reconstruct",
  "numpy._core.multiarray.scalar",
  "numpy._core.numeric._frombuffer",
  "torch._utils._rebuild_sparse_tensor",
  "torch._utils._rebuild_qtensor",
  "torch._utils._rebuild_meta_tensor_no_storage",
  "torch._utils._rebuild_nested_tensor",
  "torch._utils._rebuild_wrapper_subclass",
  "torch._utils._rebuild_device_tensor_from_cpu_tensor",
  "torch._utils._rebuild_device_tensor_from_numpy",
  "torch.serialization._get_layout",
  "operator.attrgetter",
  "operator.itemgetter",
  "torch.device",
  "types.SimpleNamespace",
]);

/** Types that any Python has, and that do nothing but hold values. */
const plainTypes = new Set(
  "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple unicode long xrange"
    .split(" "),
);

/** Modules whose names have no business in a checkpoint, whether they are called or not. */
const refusedModules = new Set(
  ("os posix nt sys subprocess builtins __builtin__ importlib runpy pty pickle cPickle _pickle dill cloudpickle marshal " +
    "shutil socket ctypes _ctypes code codeop types operator _operator functools _functools io _io webbrowser urllib http " +
    "requests asyncio multiprocessing threading _thread signal platform tempfile  glob zipfile timeit cProfile profile pdb " +
    "bdb trace pip pkgutil imp site atexit gc inspect ast compileall py_compile commands popen2 smtplib ftplib telnetlib " +
    "sqlite3 xmlrpc ensurepip venv distutils setuptools").split(" "),
);

/** Fresh meanings for one pickle. */
export function torchDialect(): PickleDialect {
  const known = new Map<string, unknown>();
  const classes = new Map<unknown, string>();
  const define = (name: string, make: (...args: unknown[]) => unknown) => known.set(name, make);
  define(
    "collections.OrderedDict",
    (items) => new Map(Array.isArray(items) ? items as [unknown, unknown][] : []),
  );
  define("torch.Size", (sizes) => sizes);
  define("torch._utils._rebuild_tensor", rebuildTensor);
  define("torch._utils._rebuild_tensor_v2", rebuildTensor);
  define(
    "torch._utils._rebuild_tensor_v3",
    (storage, offset, shape, strides, _requiresGrad, _hooks, type) => {
      const name = String(classes.get(type)), dtype = tensorTypes[name];
      if (!dtype || storage instanceof UnreadStorage) return new UnreadTensor(name);
      return rebuildTensor(typedStorage(storage, dtype), offset, shape, strides);
    },
  );
  define("torch._utils._rebuild_parameter", (tensor) => tensor);
  define("torch._utils._rebuild_parameter_with_state", (tensor) => tensor);
  define("torch._tensor._rebuild_from_type_v2", (make, _type, args) => {
    if (![...known.values()].includes(make) || !Array.isArray(args)) {
      throw new DataError("a tensor is made in an unknown way");
    }
    return (make as (...args: unknown[]) => unknown)(...args);
  });
  const resolve = (module: string, name: string) => {
    const full = `${module}.${name}`;
    if (known.has(full)) return known.get(full);
    const root = module.split(".")[0];
    const plain = (root === "builtins" || root === "__builtin__") && plainTypes.has(name);
    if (refusedModules.has(root) && !plain && !harmless.has(full)) throw refusal(full);
    const last = name.split(".").at(-1)!;
    const isClass = plain || harmless.has(full) || /^[A-Z]|^_[A-Z]/.test(last);
    const stand = () => {
      if (!isClass) throw refusal(full);
      return new InertObject(full);
    };
    known.set(full, stand);
    classes.set(stand, full);
    return stand;
  };

  const storage = (pid: unknown): PickledStorage | UnreadStorage => {
    const [kind, type, key, , length] = Array.isArray(pid) ? pid : [];
    const name = String(classes.get(type)), dtype = storageTypes[name.replace(/^torch\.(storage\.)?/, "")];
    if (kind !== "storage" || typeof key !== "string" || !isSize(length)) {
      throw new DataError("a storage is not described as PyTorch does");
    }
    if (!dtype) return new UnreadStorage(name);
    return Object.freeze({ key, dtype, length });
  };
  const call: PickleDialect["call"] = (callable, parameters, { fail }) => {
    if (typeof callable !== "function" || !Array.isArray(parameters)) {
      throw fail("it calls what is no function");
    }
    return callable(...parameters);
  };
  return {
    resolve,
    call,
    create: call,
    build(object, _state, { fail }) {
      if (object instanceof PickledTensor) throw fail("a tensor is changed after it was made");
      return object;
    },
    persistent: storage,
  };
}

function rebuildTensor(
  storage: unknown,
  offset: unknown,
  shape: unknown,
  strides: unknown,
): PickledTensor | UnreadTensor {
  if (storage instanceof UnreadStorage) return new UnreadTensor(storage.type);
  const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isSize);
  const described = typeof storage === "object" && storage !== null && "dtype" in storage;
  if (
    !described || !isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length
  ) {
    throw new DataError("a tensor is not described as PyTorch does");
  }
  return new PickledTensor(storage as PickledStorage, offset, shape, strides);
}

/** A storage of bytes as one of numbers. */
function typedStorage(storage: unknown, dtype: TensorType): unknown {
  if (typeof storage !== "object" || storage === null || !("dtype" in storage)) return null;
  const { key, dtype: own, length } = storage as PickledStorage;
  return Object.freeze({
    key,
    dtype,
    length: Math.floor(length * bytesPerElement[own] / bytesPerElement[dtype]),
  });
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refusal(name: string): DataError {
  return new DataError(
    `it wants to call ${name}, which is refused (a checkpoint holds tensors; nothing in it is run)`,
  );
}
