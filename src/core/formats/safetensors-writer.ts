import { bytesPerElement, type DataType, type Tensor } from "../graph/tensor.ts";

/** A tensor with the name under which it is written. */
export type NamedTensor = readonly [name: string, tensor: Tensor];

const codes: Readonly<Record<DataType, string>> = {
  bool: "BOOL",
  uint8: "U8",
  int8: "I8",
  uint16: "U16",
  int16: "I16",
  float16: "F16",
  bfloat16: "BF16",
  uint32: "U32",
  int32: "I32",
  float32: "F32",
  uint64: "U64",
  int64: "I64",
  float64: "F64",
};

/**
 * A safetensors file as pieces that follow each other (https://github.com/huggingface/safetensors#format). Wider types come
 * first and the header fills up eight bytes, so that every tensor is aligned. Equal contents give equal bytes.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  const ordered = [...tensors].sort(
    ([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype],
  );
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    const end = offset + data.byteLength;
    header[name] = { dtype: codes[dtype], shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, 8);
  return [
    head,
    ...ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}
