import { TracInError } from "../errors.ts";
import { arrayClass, sizeOf, type Tensor } from "../graph/tensor.ts";

/** Rows [start, end) of a tensor along its first axis, without a copy. */
export function sliceRows(tensor: Tensor, start: number, end: number): Tensor {
  const width = sizeOf(tensor.shape.slice(1));
  const data = tensor.data.subarray(start * width, end * width);
  return { dtype: tensor.dtype, shape: [end - start, ...tensor.shape.slice(1)], data } as Tensor;
}

/** What a place of [checkpoints, ...] values amounts to over all checkpoints; NaN where there are no values. */
export function overCheckpoints(values: Float32Array, checkpoints: number, place: number): number {
  const stride = values.length / checkpoints;
  let total = 0;
  for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
    total += values[checkpoint * stride + place] ?? Number.NaN;
  }
  return total;
}

/** Rows [start, end), filled up with zeros to `size` rows where there are fewer. */
export function paddedRows(tensor: Tensor, start: number, end: number, size: number): Tensor {
  const rows = sliceRows(tensor, start, end);
  if (end - start === size) {
    return rows;
  }
  const shape = [size, ...tensor.shape.slice(1)];
  const data = new arrayClass[tensor.dtype](sizeOf(shape));
  // The element type is the same on both sides; the compiler cannot see it through the union.
  (data as Uint8Array).set(rows.data as Uint8Array);
  return { dtype: tensor.dtype, shape, data } as Tensor;
}

/** Tensors one after the other along their first axis. */
export function concatRows(tensors: readonly Tensor[]): Tensor {
  const first = tensors[0];
  if (first === undefined) {
    throw new TracInError("internal", "There are no rows to join.");
  }
  if (tensors.length === 1) {
    return first;
  }
  const rows = tensors.reduce((total, tensor) => total + (tensor.shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  const data = new arrayClass[first.dtype](sizeOf(shape));
  let offset = 0;
  for (const tensor of tensors) {
    (data as Uint8Array).set(tensor.data as Uint8Array, offset);
    offset += tensor.data.length;
  }
  return { dtype: first.dtype, shape, data } as Tensor;
}

/** The float32 data of a value that the graph declares as float32. */
export function floats(values: ReadonlyMap<string, Tensor>, name: string): Float32Array {
  const tensor = values.get(name);
  if (tensor === undefined) {
    throw new TracInError("internal", `The engine gave no value "${name}".`);
  }
  return tensor.data instanceof Float32Array ? tensor.data : Float32Array.from(tensor.data, Number);
}

/** `count` rows, repeating the tensor's own rows as often as needed. */
export function repeatRows(tensor: Tensor, count: number): Tensor {
  const rows = tensor.shape[0] ?? 0;
  return concatRows(
    Array.from({ length: count }, (_, row) => sliceRows(tensor, row % rows, (row % rows) + 1)),
  );
}
