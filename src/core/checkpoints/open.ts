import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { TracInError } from "../errors.ts";
import type { TrainingSettings } from "../models/model.ts";
import type { Checkpoint, CheckpointFormat } from "./checkpoint.ts";
import { withCompanions } from "./companions.ts";
import { epochInName } from "./epoch.ts";
import { isAdapter, weightsInFolder } from "./folder.ts";
import { formatOf } from "./format.ts";
import { openKerasCheckpoint } from "./keras/keras.ts";
import { openNpzCheckpoint } from "./npz.ts";
import { openOnnxCheckpoint } from "./onnx.ts";
import { openPytorch } from "./pytorch/pytorch.ts";
import { openSafetensors } from "./safetensors.ts";
import { isIndex, openParts, refusePart } from "./shards.ts";
import { openTfjsCheckpoint } from "./tfjs.ts";

const openers: Readonly<
  Record<
    CheckpointFormat,
    (path: string, file: string, training?: TrainingSettings) => Promise<Checkpoint>
  >
> = {
  safetensors: openSafetensors,
  pytorch: openPytorch,
  onnx: openOnnxCheckpoint,
  keras: openKerasCheckpoint,
  tfjs: openTfjsCheckpoint,
  npz: openNpzCheckpoint,
};

/**
 * Opens a checkpoint of any known format, told by its content first and its extension second. It may be a folder that
 * a trainer wrote; weights may be spread over several files beside an index.
 * @param path absolute path
 * @param displayName the path as the person would write it, for messages
 * @param training what the model file tells of the training, for files that do not say it themselves
 * Throws kind `checkpoint` for unknown or damaged files and for files without model weights.
 */
export async function openCheckpoint(
  path: string,
  displayName: string,
  training?: TrainingSettings,
): Promise<Checkpoint> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    return withCompanions(path, await openWeights(path, displayName, training));
  }
  const weights = await weightsInFolder(path, displayName);
  if (weights === undefined) {
    throw new TracInError(
      "checkpoint",
      "This folder is no checkpoint: it has no model.safetensors, pytorch_model.bin, model.weights.h5 or model.json.",
      { file: displayName },
      "Name the checkpoint files, or folders as the Hugging Face Trainer and Accelerate write them.",
    );
  }
  const file = posix.join(displayName, weights);
  const opened = await openWeights(join(path, weights), file, training);
  const checkpoint = await withCompanions(join(path, weights), opened);
  return { ...checkpoint, file: displayName, files: checkpoint.files ?? [file] };
}

async function openWeights(
  path: string,
  file: string,
  training: TrainingSettings | undefined,
): Promise<Checkpoint> {
  refusePart(file);
  const opened = await (isIndex(file)
    ? openParts(path, file, openFile)
    : openFile(path, file, training));
  const epoch = opened.epoch ?? epochInName(file);
  return {
    ...opened,
    ...(epoch === undefined ? {} : { epoch }),
    ...(isAdapter(file) ? { isAdapter: true } : {}),
  };
}

async function openFile(
  path: string,
  file: string,
  training?: TrainingSettings,
): Promise<Checkpoint> {
  const format = await formatOf(path, file);
  if (!format) {
    throw new TracInError(
      "checkpoint",
      "This is no checkpoint of a known format.",
      { file },
      "Checkpoints are read from safetensors, PyTorch (.pt, .pth, .ckpt, .bin), ONNX, Keras (.keras, .h5), TensorFlow.js (model.json) and NumPy (.npz) files.",
    );
  }
  const checkpoint = await openers[format](path, file, training);
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
