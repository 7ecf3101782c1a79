import { TracInError } from "../../errors.ts";
import type { Hdf5File } from "../../formats/hdf5.ts";
import { memberAt } from "../../formats/json.ts";
import { type KerasFile, openKeras } from "../../formats/keras.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import { optimizerState } from "./moments.ts";
import { configuredRate, optimizerConfig, type RateFinding } from "./optimizer-config.ts";
import { foreignGroups, readOptimizer } from "./variables.ts";

/**
 * Opens the weights that Keras saved, in whole models (`.keras`, `.h5`) and in files of weights (`.weights.h5`, `.h5`).
 * Tensors have their paths in the file (`layers/dense/vars/0`, `dense/dense/kernel:0`), those of legacy whole models
 * without `model_weights/` in front. The rate is that of the last update, from the optimizer's variables or from its
 * configuration. Throws kind `checkpoint` with the place.
 */
export async function openKerasCheckpoint(path: string, file: string): Promise<Checkpoint> {
  const keras = await openKeras(path, file, "checkpoint");
  try {
    return await describe(keras, await keras.weights());
  } catch (error) {
    await keras.close();
    throw error;
  }
}

async function describe(keras: KerasFile, hdf5: Hdf5File): Promise<Checkpoint> {
  const { file } = keras;
  const root = hdf5.groups.has("model_weights") ? "model_weights/" : "";
  const paths = new Map<string, string>();
  const tensors = new Map<string, CheckpointTensor>();
  for (const { path, dtype, shape } of hdf5.datasets.values()) {
    if (path.startsWith(root) && !foreignGroups.test(path) && dtype !== undefined) {
      const name = path.slice(root.length);
      paths.set(name, path);
      tensors.set(name, { name, dtype, shape });
    }
  }
  const source = keras.container === "keras" ? "compile_config" : "training_config";
  const optimizer = optimizerConfig(keras.compile, source);
  const variables = await readOptimizer(hdf5, optimizer, keras.kerasVersion, tensors);
  const finding: RateFinding = optimizer
    ? configuredRate(optimizer, variables.iteration)
    : { reason: variables.rateUnknown ?? "" };
  const rate = variables.isNumbered
    ? (variables.rate ?? finding.rate)
    : (finding.rate ?? variables.rate);
  const dialect = memberAt(optimizer?.settings, "decay") === undefined ? "keras" : "legacy";
  return {
    file,
    format: "keras",
    tensors,
    isSorted: true,
    learningRates: rate ? [rate] : [],
    ...(rate === undefined && finding.rate === undefined && finding.reason !== ""
      ? { rateUnknown: finding.reason }
      : {}),
    ...(optimizer && variables.kept && rate
      ? {
          optimizer: optimizerState(
            optimizer,
            dialect,
            variables.iteration,
            variables.kept,
            (slot) => hdf5.read(slot),
          ),
        }
      : {}),
    ...(variables.iteration === undefined ? {} : { step: variables.iteration }),
    async read(name) {
      const stored = paths.get(name);
      if (stored === undefined) {
        throw new TracInError("checkpoint", "The file has no such tensor.", {
          file,
          tensor: name,
        });
      }
      return hdf5.read(stored);
    },
    close: () => keras.close(),
  };
}
