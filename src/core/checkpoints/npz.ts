import { TracInError } from "../errors.ts";
import { type NpyHeader, readNpyHeader, readNpyTensor } from "../formats/npy.ts";
import { FileSource } from "../formats/source.ts";
import { ZipArchive } from "../formats/zip.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { progressFrom } from "./progress.ts";

/**
 * Opens what `numpy.savez` or `numpy.savez_compressed` wrote: one array per tensor under its name. Single numbers named
 * `learning_rate`, `step` or `epoch` say so of the checkpoint. Throws kind `checkpoint` with the place.
 */
export async function openNpzCheckpoint(path: string, file: string): Promise<Checkpoint> {
  const source = await FileSource.open(path, file);
  let zip: ZipArchive | undefined;
  try {
    const opened = await ZipArchive.open(path, source);
    zip = opened;
    const headers = new Map<string, NpyHeader>();
    const tensors = new Map<string, CheckpointTensor>();
    const numbers = new Map<unknown, unknown>();
    const read = async (name: string): Promise<Tensor> => {
      const header = headers.get(name);
      if (header === undefined) {
        throw new TracInError("checkpoint", "The file has no such tensor.", { file, tensor: name });
      }
      return readNpyTensor(entryBytes(opened, name), header);
    };
    for (const entry of opened.names) {
      const name = entry.replace(/\.npy$/, "");
      const fail = (message: string, remedy: string) =>
        new TracInError("checkpoint", message, { file, tensor: name }, remedy);
      if (name === entry) {
        throw fail(
          "The archive holds an entry that is no NumPy array.",
          "Save the weights with numpy.savez(path, **arrays).",
        );
      }
      const header = await readNpyHeader(entryBytes(opened, name), fail);
      headers.set(name, header);
      if (header.shape.length === 0) {
        numbers.set(name, Number((await read(name)).data[0]));
      }
      tensors.set(name, { name, dtype: header.dtype, shape: header.shape });
    }
    return {
      file,
      format: "npz",
      tensors,
      ...progressFrom(numbers),
      read,
      async close() {
        opened.close();
        await source.close();
      },
    };
  } catch (error) {
    zip?.close();
    await source.close();
    throw error;
  }
}

function entryBytes(zip: ZipArchive, name: string) {
  const entry = `${name}.npy`;
  return {
    size: zip.size(entry) ?? 0,
    read: (offset: number, length: number) => zip.read(entry, offset, length),
  };
}
