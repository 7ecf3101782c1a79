import { open } from "node:fs/promises";
import { extname } from "node:path";
import { FileSource } from "../formats/source.ts";
import { ZipArchive } from "../formats/zip.ts";
import type { CheckpointFormat } from "./checkpoint.ts";

const extensions: Readonly<Record<string, CheckpointFormat>> = {
  ".safetensors": "safetensors",
  ".onnx": "onnx",
  ".pt": "pytorch",
  ".pth": "pytorch",
  ".ckpt": "pytorch",
  ".bin": "pytorch",
  ".pkl": "pytorch",
  ".keras": "keras",
  ".h5": "keras",
  ".hdf5": "keras",
  ".npz": "npz",
};

/** The format of a checkpoint file, told by its content first and its extension second; undefined for other files. */
export async function formatOf(path: string, file: string): Promise<CheckpointFormat | undefined> {
  return (await sniff(path, file)) ?? extensions[extname(path).toLowerCase()];
}

/** The format by the first bytes, where they tell. */
async function sniff(path: string, file: string): Promise<CheckpointFormat | undefined> {
  const start = new Uint8Array(16);
  try {
    const handle = await open(path, "r");
    try {
      await handle.read(start, 0, start.length, 0);
    } finally {
      await handle.close();
    }
  } catch {
    // The reader for the extension says what is wrong with the file.
    return undefined;
  }
  if (start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4) {
    return sniffArchive(path, file);
  }
  // The magic number of torch.save's older form: PROTO 2, LONG1 of 10 bytes.
  if (start[0] === 0x80 && start[2] === 0x8a && start[3] === 0x0a) {
    return "pytorch";
  }
  if (start[8] === 0x7b && start[6] === 0 && start[7] === 0) {
    return "safetensors";
  }
  const text = String.fromCharCode(...start);
  return text.startsWith("\x89HDF\r\n\x1a\n")
    ? "keras"
    : /^(\xef\xbb\xbf)?\s*\{/.test(text)
      ? "tfjs"
      : undefined;
}

/** PyTorch, Keras and NumPy all write zip archives. */
async function sniffArchive(path: string, file: string): Promise<CheckpointFormat> {
  const source = await FileSource.open(path, file);
  try {
    const zip = await ZipArchive.open(path, source);
    try {
      const isNumpy = [...zip.names].every((name) => name.endsWith(".npy"));
      return zip.has("config.json") ? "keras" : isNumpy ? "npz" : "pytorch";
    } finally {
      zip.close();
    }
  } finally {
    await source.close();
  }
}
