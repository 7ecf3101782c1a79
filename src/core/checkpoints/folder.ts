import { readdir } from "node:fs/promises";
import { TracInError } from "../errors.ts";

/** Weights in a folder that a trainer wrote, the form that its own loader prefers first. */
const weightFiles = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "adapter_model.safetensors",
  "adapter_model.bin",
  // Keras without an archive, TensorFlow.js.
  "model.weights.h5",
  "model.json",
];

/** True for the weights of a PEFT adapter. */
export function isAdapter(file: string): boolean {
  return /(^|[\\/])adapter_model\.(safetensors|bin)$/.test(file);
}

/** Folders hold a handful of files; one with more is no checkpoint. */
const mostEntries = 100_000;

/** Weights that are split over processes, which only the library that wrote them can join. */
const sharded: readonly {
  readonly by: string;
  readonly isPart: (name: string) => boolean;
  readonly remedy: string;
}[] = [
  {
    by: "DeepSpeed",
    isPart: (name) =>
      /^(zero_pp_rank_|bf16_zero_pp_rank_|mp_rank_).*_states\.pt$/.test(name) ||
      /^global_step\d+$/.test(name) ||
      name === "zero_to_fp32.py",
    remedy:
      'Join them with the script that DeepSpeed put there, "python zero_to_fp32.py . joined --safe_serialization", and name the folder "joined" in tracin.json; or train with stage3_gather_16bit_weights_on_model_save.',
  },
  {
    by: "fully sharded training (FSDP)",
    isPart: (name) => /^pytorch_model_fsdp_\d+$/.test(name) || name.endsWith(".distcp"),
    remedy:
      'Join them with "accelerate merge-weights FOLDER joined" (FOLDER holds the .distcp files) or "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt", and name the result in tracin.json; or train with FULL_STATE_DICT.',
  },
];

/**
 * The file with the weights in a checkpoint folder of a trainer (Hugging Face, Accelerate, PEFT); undefined when the
 * folder is none. Throws kind `checkpoint` where the weights are split over processes and must be joined first.
 */
export async function weightsInFolder(path: string, file: string): Promise<string | undefined> {
  const names = await readdir(path);
  if (names.length > mostEntries) {
    return undefined;
  }
  const weights = weightFiles.find((name) => names.includes(name));
  const split = sharded.find(({ isPart }) => names.some(isPart));
  if (weights === undefined && split !== undefined) {
    throw new TracInError(
      "checkpoint",
      `The folder holds the weights in parts that ${split.by} wrote, one for each process.`,
      { file },
      split.remedy,
    );
  }
  return weights;
}

/** Whether a folder is a checkpoint, readable or not. */
export async function isCheckpointFolder(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => []);
  return (
    names.length <= mostEntries &&
    names.some((name) => weightFiles.includes(name) || sharded.some(({ isPart }) => isPart(name)))
  );
}
