import { countElements, isCount } from "../../formats/source.ts";
import type { DataType } from "../../graph/tensor.ts";
import { type PickleHandlers, PickleRefusal } from "./pickle.ts";
import { Global, Opaque, Storage, TensorView, type Value } from "./values.ts";

/** Element type of each storage class of `torch`. */
const storageTypes: Readonly<Record<string, DataType>> = {
  DoubleStorage: "float64",
  FloatStorage: "float32",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
  UntypedStorage: "uint8",
};

/** `torch.<name>` as a pickle names element types. */
const torchTypes: Readonly<Record<string, DataType>> = {
  float64: "float64",
  double: "float64",
  float32: "float32",
  float: "float32",
  float16: "float16",
  half: "float16",
  bfloat16: "bfloat16",
  int64: "int64",
  long: "int64",
  int32: "int32",
  int: "int32",
  int16: "int16",
  short: "int16",
  int8: "int8",
  uint8: "uint8",
  uint16: "uint16",
  uint32: "uint32",
  uint64: "uint64",
  bool: "bool",
};

/**
 * Calls that only a pickle made to attack has: Python would run programs or code on opening it. Nothing is
 * ever executed here, whatever the name; these are named so that the person hears of the attempt.
 */
const attack =
  /^(os|posix|nt|subprocess|sys|runpy|pty|socket|shutil|importlib|ctypes|code|codeop|webbrowser|commands|multiprocessing\.popen\w*)(\.|$)|^(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint)$/;

type Call = (args: readonly Value[]) => Value | undefined;

const calls: Readonly<Record<string, Call>> = {
  "collections.OrderedDict": ([items]) => mapOf(items),
  "collections.defaultdict": ([, items]) => mapOf(items),
  "collections.Counter": ([items]) => mapOf(items),
  "builtins.dict": ([items]) => mapOf(items),
  "builtins.list": ([items]) => (Array.isArray(items) ? [...items] : []),
  "builtins.tuple": ([items]) => (Array.isArray(items) ? [...items] : []),
  "builtins.set": setOf,
  "__builtin__.set": setOf,
  "builtins.frozenset": setOf,
  "torch.Size": ([items]) => (Array.isArray(items) ? items : []),
  // Protocol 2 writes Python 3 bytes so.
  "_codecs.encode": ([text]) =>
    typeof text === "string" ? Uint8Array.from(text, (char) => char.charCodeAt(0)) : undefined,
  "numpy.core.multiarray.scalar": numpyScalar,
  "numpy._core.multiarray.scalar": numpyScalar,
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, , , dtype]) =>
    rebuildTensor([storage ?? null, offset ?? null, shape ?? null, strides ?? null], typeOf(dtype)),
  "torch._utils._rebuild_parameter": ([data]) => data,
  "torch._utils._rebuild_parameter_with_state": ([data]) => data,
  // Subclasses of Tensor: the call that makes the plain tensor is among the arguments.
  "torch._tensor._rebuild_from_type_v2": ([callee, , args]) =>
    callee instanceof Global && callee.module === "torch._utils" && Array.isArray(args)
      ? call(callee, args)
      : undefined,
  // A storage saved for itself.
  "torch.storage.TypedStorage": ([storage]) => storage,
};

/** Handlers for the pickles of `torch.save`: the allow list of types, everything else stays inert. */
export const torchHandlers: PickleHandlers = { call, persistent };

function call(global: Global, args: readonly Value[]): Value | undefined {
  if (attack.test(global.path)) {
    throw new PickleRefusal(
      `The file asks Python to call ${global.path}, which could run a program on opening it. It was not run; do not open this file with Python.`,
    );
  }
  return Object.hasOwn(calls, global.path) ? calls[global.path]?.(args) : undefined;
}

/** `('storage', type, key, location, count)`, in the legacy format with a view `(key, offset, count)` behind. */
function persistent(id: Value): Value {
  if (!Array.isArray(id) || id[0] !== "storage" || id.length < 5) {
    throw new PickleRefusal("The pickle refers to something outside the file that is no storage.");
  }
  const [, type, key, , count, view] = id;
  const name = type instanceof Global ? type.name : "";
  const dtype = Object.hasOwn(storageTypes, name) ? storageTypes[name] : undefined;
  if (!dtype) {
    throw new PickleRefusal(
      `The file has a storage of type ${type instanceof Global ? type.path : "unknown"}, which is not read. Complex and quantised tensors have no place in a checkpoint here.`,
    );
  }
  if ((typeof key !== "string" && !isCount(key)) || !isCount(count)) {
    throw new PickleRefusal("The pickle describes a storage without a key or size.");
  }
  if (Array.isArray(view)) {
    const offset = view[1];
    if (!isCount(offset)) {
      throw new PickleRefusal("The pickle describes a storage view without an offset.");
    }
    return new Storage(String(key), dtype, count, offset);
  }
  return new Storage(String(key), dtype, count);
}

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, ...)`. */
function rebuildTensor(
  [storage, offset, shape, strides]: readonly Value[],
  dtype?: DataType,
): Value | undefined {
  if (!(storage instanceof Storage)) {
    return undefined;
  }
  if (!isCount(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length) {
    throw new PickleRefusal("A tensor's offset, shape or strides are no list of sizes.");
  }
  if (countElements(shape) === undefined) {
    throw new PickleRefusal("A tensor's shape is impossible.");
  }
  return new TensorView(storage, dtype ?? storage.dtype, offset, shape, strides);
}

function typeOf(value: Value | undefined): DataType | undefined {
  const name = value instanceof Global && value.module === "torch" ? value.name : "";
  const dtype = Object.hasOwn(torchTypes, name) ? torchTypes[name] : undefined;
  if (!dtype) {
    throw new PickleRefusal(
      `A tensor has the type ${value instanceof Global ? value.path : "unknown"}, which is not read.`,
    );
  }
  return dtype;
}

/** `scalar(dtype('f8'), bytes)`: metrics and rates are often kept as NumPy numbers. */
function numpyScalar([dtype, bytes]: readonly Value[]): Value | undefined {
  const code =
    dtype instanceof Opaque && dtype.type === "numpy.dtype" && Array.isArray(dtype.args)
      ? dtype.args[0]
      : undefined;
  if (typeof code !== "string" || !(bytes instanceof Uint8Array)) {
    return undefined;
  }
  const bigEndian = dtype instanceof Opaque && Array.isArray(dtype.state) && dtype.state[1] === ">";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers: Readonly<Record<string, readonly [number, () => Value]>> = {
    f8: [8, () => view.getFloat64(0, !bigEndian)],
    f4: [4, () => view.getFloat32(0, !bigEndian)],
    i8: [8, () => Number(view.getBigInt64(0, !bigEndian))],
    u8: [8, () => Number(view.getBigUint64(0, !bigEndian))],
    i4: [4, () => view.getInt32(0, !bigEndian)],
    u4: [4, () => view.getUint32(0, !bigEndian)],
    i2: [2, () => view.getInt16(0, !bigEndian)],
    u2: [2, () => view.getUint16(0, !bigEndian)],
    i1: [1, () => view.getInt8(0)],
    u1: [1, () => view.getUint8(0)],
    b1: [1, () => view.getUint8(0) !== 0],
  };
  const reader = Object.hasOwn(readers, code) ? readers[code] : undefined;
  return reader && reader[0] === bytes.length ? reader[1]() : undefined;
}

function mapOf(items: Value | undefined): Map<Value, Value> {
  if (items instanceof Map) {
    return new Map(items);
  }
  const pairs = Array.isArray(items) ? items : [];
  return new Map(
    pairs.flatMap((pair): [Value, Value][] =>
      Array.isArray(pair) && pair.length === 2 ? [[pair[0] ?? null, pair[1] ?? null]] : [],
    ),
  );
}

function setOf([items]: readonly Value[]): Value {
  return new Set(Array.isArray(items) ? items : []);
}

function isSizes(value: Value | undefined): value is number[] {
  return Array.isArray(value) && value.length <= 64 && value.every(isCount);
}
