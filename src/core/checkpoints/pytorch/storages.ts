import type { FileSource } from "../../formats/source.ts";
import { bytesPerElement, formatShape, sizeOf, type Tensor } from "../../graph/tensor.ts";
import { tensorFromBytes } from "../convert.ts";
import type { Storage, TensorView } from "./values.ts";

/** Where the bytes of storages are. */
export interface StorageReader {
  readonly bigEndian: boolean;
  /** Bytes that the file has for a storage, or undefined when it is missing. */
  size(storage: Storage): number | undefined;
  /** Bytes [offset, offset + length) of a storage. */
  read(storage: Storage, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A broadcast view may be larger than its storage, but only up to this many elements. */
const maximumExpanded = 2 ** 24;

/** Checks that every element of a view lies in its storage, and the storage in the file. Throws kind `checkpoint`. */
export function checkView(
  source: FileSource,
  reader: StorageReader,
  name: string,
  view: TensorView,
): void {
  const { storage } = view;
  const fail = (message: string) => source.error(message, undefined, name);
  const available = reader.size(storage);
  if (available === undefined) {
    throw fail(`The data of the tensor (storage "${storage.key}") is missing from the file.`);
  }
  const storageBytes = storage.length * bytesPerElement[storage.dtype];
  const storageStart = storage.offset * bytesPerElement[storage.dtype];
  if (storageStart + storageBytes > available) {
    throw fail(
      `The tensor's storage claims ${storageBytes} bytes, but the file has ${available} for it.`,
    );
  }
  const elements = sizeOf(view.shape);
  if (elements === 0) {
    return;
  }
  if ((lastElement(view) + 1) * bytesPerElement[view.dtype] > storageBytes) {
    throw fail(
      `The tensor of shape ${formatShape(view.shape)} reaches beyond its storage of ${storageBytes} bytes.`,
    );
  }
  if (elements * bytesPerElement[view.dtype] > Math.max(storageBytes, maximumExpanded * 8)) {
    throw fail(
      `The tensor of shape ${formatShape(view.shape)} repeats a storage of ${storageBytes} bytes too often.`,
    );
  }
}

/** Reads a checked view as a dense row-major tensor. */
export async function readView(reader: StorageReader, view: TensorView): Promise<Tensor> {
  const width = bytesPerElement[view.dtype];
  const base = view.storage.offset * bytesPerElement[view.storage.dtype];
  const elements = sizeOf(view.shape);
  if (elements === 0) {
    return tensorFromBytes(view.dtype, view.shape, new Uint8Array(0));
  }
  const span = lastElement(view) - view.offset + 1;
  const bytes = await reader.read(view.storage, base + view.offset * width, span * width);
  const dense = isRowMajor(view) ? bytes : gather(bytes, view, width, elements);
  return tensorFromBytes(view.dtype, view.shape, dense, reader.bigEndian);
}

function lastElement(view: TensorView): number {
  return view.shape.reduce(
    (last, size, axis) => last + (size - 1) * (view.strides[axis] ?? 0),
    view.offset,
  );
}

function isRowMajor(view: TensorView): boolean {
  let expected = 1;
  for (let axis = view.shape.length - 1; axis >= 0; axis--) {
    const size = view.shape[axis] ?? 1;
    if (size !== 1 && view.strides[axis] !== expected) {
      return false;
    }
    expected *= size;
  }
  return true;
}

/** Copies the elements of a strided view in row-major order. */
function gather(
  bytes: Uint8Array,
  view: TensorView,
  width: number,
  elements: number,
): Uint8Array<ArrayBuffer> {
  const dense = new Uint8Array(elements * width);
  const index = new Array<number>(view.shape.length).fill(0);
  let from = 0;
  for (let element = 0; element < elements; element++) {
    for (let byte = 0; byte < width; byte++) {
      dense[element * width + byte] = bytes[from * width + byte] ?? 0;
    }
    for (let axis = view.shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const stride = view.strides[axis] ?? 0;
      if (next < (view.shape[axis] ?? 1)) {
        index[axis] = next;
        from += stride;
        break;
      }
      from -= (next - 1) * stride;
      index[axis] = 0;
    }
  }
  return dense;
}
