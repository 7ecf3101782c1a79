import { open, stat } from "node:fs/promises";
import { extname, join, posix } from "node:path";
import { TracInError } from "../errors.ts";
import type { Checkpoint, CheckpointFormat } from "./checkpoint.ts";
import { withCompanions } from "./companions.ts";
import { isAdapter, weightsInFolder } from "./folder.ts";
import { openOnnxCheckpoint } from "./onnx.ts";
import { openPytorch } from "./pytorch/pytorch.ts";
import { openSafetensors } from "./safetensors.ts";
import { isIndex, openParts, refusePart } from "./shards.ts";

const openers: Readonly<
  Record<CheckpointFormat, (path: string, file: string) => Promise<Checkpoint>>
> = {
  safetensors: openSafetensors,
  pytorch: openPytorch,
  onnx: openOnnxCheckpoint,
};

const extensions: Readonly<Record<string, CheckpointFormat>> = {
  ".safetensors": "safetensors",
  ".onnx": "onnx",
  ".pt": "pytorch",
  ".pth": "pytorch",
  ".ckpt": "pytorch",
  ".bin": "pytorch",
  ".pkl": "pytorch",
};

/**
 * Opens a checkpoint of any known format, told by its content first and its extension second. It may be a folder that
 * a trainer wrote; weights may be spread over several files beside an index.
 * @param path absolute path
 * @param displayName the path as the person would write it, for messages
 * Throws kind `checkpoint` for unknown or damaged files and for files without model weights.
 */
export async function openCheckpoint(path: string, displayName: string): Promise<Checkpoint> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    return withCompanions(path, await openWeights(path, displayName));
  }
  const weights = await weightsInFolder(path, displayName);
  if (weights === undefined) {
    throw new TracInError(
      "checkpoint",
      "This folder is no checkpoint: it has no model.safetensors or pytorch_model.bin.",
      { file: displayName },
      "Name the checkpoint files, or folders as the Hugging Face Trainer and Accelerate write them.",
    );
  }
  const file = posix.join(displayName, weights);
  const opened = await openWeights(join(path, weights), file);
  const checkpoint = await withCompanions(join(path, weights), opened);
  return { ...checkpoint, file: displayName, files: checkpoint.files ?? [file] };
}

async function openWeights(path: string, file: string): Promise<Checkpoint> {
  refusePart(file);
  const opened = await (isIndex(file) ? openParts(path, file, openFile) : openFile(path, file));
  return isAdapter(file) ? { ...opened, isAdapter: true } : opened;
}

async function openFile(path: string, file: string): Promise<Checkpoint> {
  const format = (await sniff(path)) ?? extensions[extname(path).toLowerCase()];
  if (!format) {
    throw new TracInError(
      "checkpoint",
      "This is no checkpoint of a known format.",
      { file },
      "Checkpoints are read from safetensors, PyTorch (.pt, .pth, .ckpt, .bin) and ONNX files.",
    );
  }
  const checkpoint = await openers[format](path, file);
  if (checkpoint.tensors.size === 0) {
    await checkpoint.close();
    throw new TracInError(
      "checkpoint",
      "The file holds no model weights.",
      { file },
      "Save the weights too: torch.save(model.state_dict(), path).",
    );
  }
  return checkpoint;
}

/** The format by the first bytes, where they tell. */
async function sniff(path: string): Promise<CheckpointFormat | undefined> {
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
    return "pytorch";
  }
  // The magic number of torch.save's older form: PROTO 2, LONG1 of 10 bytes.
  if (start[0] === 0x80 && start[2] === 0x8a && start[3] === 0x0a) {
    return "pytorch";
  }
  return start[8] === 0x7b && start[6] === 0 && start[7] === 0 ? "safetensors" : undefined;
}
