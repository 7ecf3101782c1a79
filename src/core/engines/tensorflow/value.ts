import type * as TfCore from "@tensorflow/tfjs-core";
import { TracInError } from "../../errors.ts";
import type { Node } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import {
  arrayClass,
  type DataType,
  type Shape,
  type Tensor,
  tensorOf,
} from "../../graph/tensor.ts";
import { fromTensor, type Value as HostValue, toTensor } from "../reference/value.ts";

/** The namespace of a tfjs: `@tensorflow/tfjs-node`, or `@tensorflow/tfjs-core` with a backend. */
export type TensorFlow = typeof TfCore;
/** A tensor of tfjs. */
export type TfTensor = TfCore.Tensor;

/**
 * A tensor while the graph runs, on the host or on the device, and on the other side too once it was needed there. tfjs has float32,
 * int32 and bool alone: integers of 64 bits go to the device as int32, with a check of their range.
 */
export class Value {
  private constructor(
    private readonly tf: TensorFlow,
    readonly dtype: DataType,
    readonly shape: Shape,
    private onDevice: TfTensor | undefined,
    private numbers: HostValue | undefined,
    private readonly source: Tensor | undefined,
  ) {}

  /** A tensor of ours; nothing is copied yet. */
  static ofTensor(tf: TensorFlow, tensor: Tensor): Value {
    return new Value(tf, tensor.dtype, tensor.shape, undefined, undefined, tensor);
  }

  /** What tfjs computed: int32 may stand for any integer type. */
  static ofDevice(tf: TensorFlow, dtype: DataType, tensor: TfTensor): Value {
    return new Value(tf, dtype, tensor.shape, tensor, undefined, undefined);
  }

  /** What was computed in doubles. */
  static ofHost(tf: TensorFlow, numbers: HostValue): Value {
    return new Value(tf, numbers.dtype, numbers.shape, undefined, numbers, undefined);
  }

  /** Whether the elements can be read without waiting for the device. */
  get isOnHost(): boolean {
    return this.numbers !== undefined || this.source !== undefined;
  }

  /** The tensor of tfjs, if there is one already. */
  get deviceOrNothing(): TfTensor | undefined {
    return this.onDevice;
  }

  /** The value for tfjs. Throws kind `engine` when tfjs has no type for it or an integer is too large. */
  get device(): TfTensor {
    if (this.onDevice === undefined) {
      const { dtype, shape, tf } = this;
      const tensor = this.source ?? rounded(this.host);
      this.onDevice = tf.keep(tf.tensor(deviceArray(tensor), [...shape], deviceType(dtype)));
    }
    return this.onDevice;
  }

  /** The elements as doubles. */
  get host(): HostValue {
    this.numbers ??= fromTensor(this.toTensor());
    return this.numbers;
  }

  /** The value as our tensor. */
  toTensor(): Tensor {
    if (this.source !== undefined) {
      return this.source;
    }
    return this.onDevice === undefined
      ? rounded(this.host)
      : fromDevice(this.dtype, this.shape, this.onDevice.dataSync());
  }

  /** Frees the device's memory. */
  dispose(): void {
    this.onDevice?.dispose();
    this.onDevice = undefined;
  }
}

/** Doubles in the type that they stand for. */
function rounded(value: HostValue): Tensor {
  return value.dtype === "float32"
    ? { dtype: "float32", shape: value.shape, data: Float32Array.from(value.data) }
    : toTensor(value);
}

function deviceType(dtype: DataType): "float32" | "int32" | "bool" {
  return dtype === "float32" || dtype === "bool" ? dtype : "int32";
}

function deviceArray(tensor: Tensor): Float32Array | Int32Array | Uint8Array {
  switch (tensor.dtype) {
    case "float32":
    case "int32":
    case "bool":
      return tensor.data;
    case "float16":
    case "bfloat16":
    case "float64":
      throw new TracInError(
        "engine",
        `A value is ${tensor.dtype}; TensorFlow.js computes in float32 alone.`,
        {},
        'Use the engine "onnxruntime" for this model.',
      );
    default: {
      const narrow = new Int32Array(tensor.data.length);
      for (let index = 0; index < narrow.length; index++) {
        const element = Number(tensor.data[index]);
        narrow[index] = element;
        if (narrow[index] !== element) {
          throw new TracInError(
            "engine",
            `The integer ${tensor.data[index]} is beyond the 32 bits that TensorFlow.js has.`,
            {},
            'Use the engine "onnxruntime" for this model.',
          );
        }
      }
      return narrow;
    }
  }
}

function fromDevice(
  dtype: DataType,
  shape: Shape,
  data: Float32Array | Int32Array | Uint8Array,
): Tensor {
  if (data instanceof arrayClass[dtype]) {
    return tensorOf(dtype, shape, data);
  }
  return dtype === "int64" || dtype === "uint64"
    ? tensorOf(dtype, shape, arrayClass[dtype].from(Array.from(data, BigInt)))
    : tensorOf(dtype, shape, arrayClass[dtype].from(data));
}

/** What a kernel works with beside its inputs. */
export interface Run {
  readonly tf: TensorFlow;
  /** A tensor that depends on nothing but its key: made once and kept as long as the program. */
  constant(key: string, make: () => TfTensor): TfTensor;
}

/** One operator in calls of tfjs: values of its inputs (absent ones `undefined`) to values of its outputs. */
export type Kernel = (
  inputs: readonly (Value | undefined)[],
  node: Node,
  run: Run,
) => Value | readonly Value[];

/** A table of kernels by operator. */
export type Kernels = Readonly<Record<string, Kernel>>;

/** An error that says what of a node the engine cannot run. */
export function cannot(node: Node, what: string): TracInError {
  return new TracInError(
    "engine",
    `${node.op} cannot run on the TensorFlow engine: ${what}`,
    placeOfNode(node),
    'Use the engine "onnxruntime" for this model.',
  );
}

/** Input `index`, which must be present. */
export function need(inputs: readonly (Value | undefined)[], index: number, node: Node): Value {
  const found = inputs[index];
  if (found === undefined) {
    throw cannot(node, `its input ${index} is missing`);
  }
  return found;
}

/** Elements of an optional input that says sizes, axes or a single number. */
export function numbers(found: Value | undefined): number[] | undefined {
  return found === undefined ? undefined : Array.from(found.host.data);
}

/** A value of the type of another one. */
export function like(run: Run, x: Value, tensor: TfTensor): Value {
  return Value.ofDevice(run.tf, x.dtype, tensor);
}

/** The same elements under another shape. */
export function reshape(run: Run, x: TfTensor, shape: Shape): TfTensor {
  return run.tf.reshape(x, [...shape]);
}
