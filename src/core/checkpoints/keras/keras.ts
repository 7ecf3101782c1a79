import { TracInError } from "../../errors.ts";
import type { Hdf5File } from "../../formats/hdf5.ts";
import { memberAt } from "../../formats/json.ts";
import { type KerasFile, openKeras } from "../../formats/keras.ts";
import type { TrainingSettings } from "../../models/model.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import { optimizerState } from "./moments.ts";
import {
  configuredRate,
  hasSchedule,
  type OptimizerConfig,
  optimizerConfig,
  type RateFinding,
} from "./optimizer-config.ts";
import { foreignGroups, readOptimizer } from "./variables.ts";

/**
 * Opens the weights that Keras saved, in whole models (`.keras`, `.h5`) and in files of weights (`.weights.h5`, `.h5`).
 * Tensors have their paths in the file (`layers/dense/vars/0`, `dense/dense/kernel:0`), those of legacy whole models
 * without `model_weights/` in front. The rate is that of the last update, from the optimizer's variables or from its
 * configuration. Throws kind `checkpoint` with the place.
 * @param training what the model file tells, for files without the optimizer's configuration
 */
export async function openKerasCheckpoint(
  path: string,
  file: string,
  training?: TrainingSettings,
): Promise<Checkpoint> {
  const keras = await openKeras(path, file, "checkpoint");
  try {
    return await describe(keras, await keras.weights(), training);
  } catch (error) {
    await keras.close();
    throw error;
  }
}

async function describe(
  keras: KerasFile,
  hdf5: Hdf5File,
  training: TrainingSettings | undefined,
): Promise<Checkpoint> {
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
  const own = optimizerConfig(keras.compile, source);
  const lent = own === undefined ? lentConfig(hdf5, training) : undefined;
  const optimizer = own ?? lent;
  const version = keras.kerasVersion ?? (lent && training?.version);
  const variables = await readOptimizer(hdf5, optimizer, version, tensors);
  const finding: RateFinding =
    optimizer === undefined
      ? { reason: variables.rateUnknown ?? "" }
      : lent && !hasSchedule(lent)
        ? { reason: "it has the optimizer's variables, but the rate is not one of them" }
        : configuredRate(optimizer, variables.iteration);
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
    ...(optimizer && variables.kept && (rate || lent)
      ? {
          optimizer: {
            ...optimizerState(optimizer, dialect, variables.iteration, variables.kept, (slot) =>
              hdf5.read(slot),
            ),
            ...(lent && training ? { settingsFrom: training.file } : {}),
          },
        }
      : {}),
    ...(optimizer === undefined && variables.isNumbered ? { optimizerUnknown } : {}),
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

const optimizerUnknown = {
  reason:
    "The file holds the variables of an optimizer, but not its settings, and the model file tells none for it.",
  remedy:
    'Under "model" in tracin.json, name a file that the compiled model was saved to: model.save("model.keras"). (After saving to .h5, Keras 3 leaves the settings out of .keras files; save that one first.)',
};

/** The optimizer that the model file names, for a file that has variables of it alone. */
function lentConfig(
  hdf5: Hdf5File,
  training: TrainingSettings | undefined,
): OptimizerConfig | undefined {
  const optimizer = training && optimizerConfig(training.compiled, `${training.file}: compiled`);
  // Keras 3 writes the optimizer's name beside its variables; a further one of a class gets a number.
  const [expected, found] = [
    memberAt(optimizer?.settings, "name"),
    hdf5.groups.get("optimizer/vars")?.get("name"),
  ].map((name) => (typeof name === "string" ? name.replace(/_\d+$/, "") : undefined));
  const isSame = expected === undefined || found === undefined || expected === found;
  return hdf5.datasets.has("optimizer/vars/0") && isSame ? optimizer : undefined;
}
