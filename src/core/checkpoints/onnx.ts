import { TracInError } from "../errors.ts";
import { FileSource } from "../formats/source.ts";
import { externalData } from "../graph/onnx-external.ts";
import { bytesPerElement, type Tensor } from "../graph/tensor.ts";
import { importOnnx } from "../models/onnx.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { readType, tensorFromBytes } from "./convert.ts";

/** Protobuf messages cannot be larger. */
const maximumSize = 2 ** 31 - 1;

/**
 * Opens an ONNX file as a checkpoint: its initializers, with those that the exporter merged made single
 * again, under the names that the importer gives them. It has no learning rate. Throws kind `checkpoint` or
 * `model` with the place.
 */
export async function openOnnxCheckpoint(path: string, file: string): Promise<Checkpoint> {
  const source = await FileSource.open(path, file);
  try {
    if (source.size > maximumSize) {
      throw source.error("An ONNX file cannot be larger than 2 GB.");
    }
    const { graph, weights } = importOnnx(
      await source.read(0, source.size),
      file,
      externalData(path),
    );
    const stored = new Map<string, Tensor>();
    const tensors = new Map<string, CheckpointTensor>();
    for (const { name } of weights) {
      const tensor = graph.initializers.get(name);
      if (tensor) {
        stored.set(name, tensor);
        tensors.set(name, { name, dtype: tensor.dtype, shape: tensor.shape });
      }
    }
    return {
      file,
      format: "onnx",
      tensors,
      learningRates: [],
      async read(name) {
        const tensor = stored.get(name);
        if (!tensor) {
          throw new TracInError("checkpoint", "The file has no such tensor.", {
            file,
            tensor: name,
          });
        }
        return asRead(tensor);
      },
      async close() {
        stored.clear();
      },
    };
  } finally {
    await source.close();
  }
}

function asRead(tensor: Tensor): Tensor {
  if (readType(tensor.dtype) === tensor.dtype) {
    return tensor;
  }
  const { buffer, byteOffset, length } = tensor.data;
  const bytes = new Uint8Array(buffer, byteOffset, length * bytesPerElement[tensor.dtype]);
  return tensorFromBytes(tensor.dtype, tensor.shape, new Uint8Array(bytes));
}
