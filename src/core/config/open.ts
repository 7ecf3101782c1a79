import { resolve } from "node:path";
import type { Checkpoint } from "../checkpoints/checkpoint.ts";
import { findCheckpoints } from "../checkpoints/discover.ts";
import { type Match, matchCheckpoints } from "../checkpoints/match.ts";
import { openCheckpoint } from "../checkpoints/open.ts";
import { resolveLearningRates } from "../checkpoints/rates.ts";
import {
  copyWarnings,
  type Division,
  optimizerWarnings,
  paddingWarnings,
  surplusWarnings,
} from "../checkpoints/trained.ts";
import type { Dataset } from "../datasets/dataset.ts";
import type { Encoder, EncoderState } from "../datasets/encoder.ts";
import { encoderFromState, fitEncoder } from "../datasets/fit.ts";
import { openDataset } from "../datasets/open.ts";
import { TracInError } from "../errors.ts";
import { formatShape, sameShape, type Tensor } from "../graph/tensor.ts";
import type { Model, ModelWeight } from "../models/model.ts";
import { importModel } from "../models/open.ts";
import { resolveInside } from "../paths.ts";
import { matches } from "../tracin/layers.ts";
import type { Config } from "./config.ts";
import { configFile, loadConfig } from "./load.ts";
import { outputShape, resolveLoss } from "./loss.ts";
import type { LossSpec, Project, ProjectCheckpoint } from "./project.ts";

export interface OpenOptions {
  /** Configuration file relative to the root; `tracin.json` unless told. */
  readonly config?: string;
  /** State of an encoder that another process fitted; fitted from the training data unless told. */
  readonly encoder?: EncoderState;
  /** Datasets to open besides the training data; all unless told. */
  readonly datasets?: readonly string[];
  /** Told the configuration before anything else is read. */
  readonly onConfig?: (config: Config) => void;
}

/**
 * Opens everything that `tracin.json` names and checks that it fits together.
 * Throws a `TracInError` of the kind of the part that fails, with file and place.
 */
export async function openProject(root: string, options: OpenOptions = {}): Promise<Project> {
  const folder = resolve(root);
  const config = await loadConfig(folder, options.config ?? configFile);
  options.onConfig?.(config);
  const model = await openModel(folder, config.model);
  const loss = resolveLoss(config, model);
  const { checkpoints, parameters, buffers } = await openCheckpoints(folder, config, model);
  if (parameters.length === 0) {
    throw new TracInError(
      "config",
      "The model has no parameter that was trained.",
      { file: options.config ?? configFile },
      'Check "frozen" and "checkpoints".',
    );
  }
  const datasets = await openDatasets(folder, config, options.datasets);
  try {
    return {
      root: folder,
      config,
      model,
      checkpoints,
      parameters,
      buffers,
      datasets,
      encoder: await openEncoder(folder, config, model, loss, datasets, options.encoder),
      loss,
      readWeights: (checkpoint) => readWeights(folder, model, checkpoint),
      close: () => closeAll(datasets.values()),
    };
  } catch (error) {
    await closeAll(datasets.values());
    throw error;
  }
}

async function openModel(root: string, file: string): Promise<Model> {
  return importModel(await resolveInside(root, file), file);
}

async function openCheckpoints(
  root: string,
  config: Config,
  model: Model,
): Promise<Division & { readonly checkpoints: readonly ProjectCheckpoint[] }> {
  const files = await findCheckpoints(root, config.checkpoints.files);
  const opened: Checkpoint[] = [];
  try {
    for (const file of files) {
      opened.push(await openCheckpoint(await resolveInside(root, file), file));
    }
    const matched = matchCheckpoints(model, opened, {
      prefix: config.checkpoints.prefix,
      optional: frozenTest(config),
    });
    const rates = resolveLearningRates(config.checkpoints, opened);
    const division = divide(config, model, matched[0]);
    const padding = await paddingWarnings(model, division.parameters, opened, matched);
    const [first] = opened;
    const surplus =
      first && matched[0]
        ? [...copyWarnings(matched[0]), ...(await surplusWarnings(first, matched[0]))]
        : [];
    const checkpoints = opened.flatMap((checkpoint, index): ProjectCheckpoint[] => {
      const rate = rates[index];
      const match = matched[index];
      if (rate === undefined || match === undefined) {
        return [];
      }
      return [
        {
          file: checkpoint.file,
          ...rate,
          ...(checkpoint.files === undefined ? {} : { files: checkpoint.files }),
          warnings: [
            ...(checkpoint.warnings ?? []),
            ...rate.warnings,
            ...optimizerWarnings(checkpoint, match, division),
            ...(index === 0 ? [...surplus, ...padding] : []),
          ],
          names: match.names,
          ...(checkpoint.step === undefined ? {} : { step: checkpoint.step }),
          ...(checkpoint.epoch === undefined ? {} : { epoch: checkpoint.epoch }),
        },
      ];
    });
    return { checkpoints, ...division };
  } finally {
    await closeAll(opened);
  }
}

/** The weights that the checkpoints hold, as what was trained and what was not. */
function divide(config: Config, model: Model, match: Match | undefined): Division {
  const isFrozen = frozenTest(config);
  const held = model.weights.filter(({ name }) => match?.names.has(name));
  const isParameter = ({ name, role }: ModelWeight): boolean =>
    role === "parameter" && !isFrozen(name);
  return {
    parameters: held.filter(isParameter).map(({ name }) => name),
    buffers: held.filter((weight) => !isParameter(weight)).map(({ name }) => name),
  };
}

function frozenTest(config: Config): (name: string) => boolean {
  const patterns = config.frozen ?? [];
  return (name) => patterns.some((pattern) => matches(pattern, name));
}

async function openDatasets(
  root: string,
  config: Config,
  names: readonly string[] | undefined,
): Promise<ReadonlyMap<string, Dataset>> {
  const datasets = new Map<string, Dataset>();
  try {
    for (const [name, source] of Object.entries(config.data)) {
      if (names === undefined || name === "train" || names.includes(name)) {
        datasets.set(name, await openDataset(name, source, root));
      }
    }
    if (datasets.get("train")?.length === 0) {
      throw new TracInError("data", "The training data has no examples.", {
        file: datasets.get("train")?.file ?? "",
      });
    }
    return datasets;
  } catch (error) {
    await closeAll(datasets.values());
    throw error;
  }
}

async function openEncoder(
  root: string,
  config: Config,
  model: Model,
  loss: LossSpec,
  datasets: ReadonlyMap<string, Dataset>,
  state: EncoderState | undefined,
): Promise<Encoder> {
  if (state !== undefined) {
    return encoderFromState(state, root);
  }
  const train = datasets.get("train");
  if (train === undefined) {
    throw new TracInError("internal", "The training data is not open.");
  }
  return fitEncoder({
    features: config.features,
    loss,
    labels: config.labels,
    target: config.data["train"]?.target,
    output: outputShape(model, loss),
    inputs: model.graph.inputs.map(({ name, dtype, shape: sizes }) => ({
      name,
      dtype,
      shape: sizes.slice(1),
    })),
    train,
    root,
  });
}

async function readWeights(
  root: string,
  model: Model,
  checkpoint: ProjectCheckpoint,
): Promise<ReadonlyMap<string, Tensor>> {
  const opened = await openCheckpoint(await resolveInside(root, checkpoint.file), checkpoint.file);
  try {
    const weights = new Map<string, Tensor>();
    for (const { name, shape } of model.weights) {
      const stored = checkpoint.names.get(name);
      if (stored === undefined) {
        continue;
      }
      const tensor = await opened.read(stored);
      // The file may have been replaced since it was matched.
      if (!sameShape(tensor.shape, shape)) {
        throw new TracInError(
          "checkpoint",
          `The tensor has the shape ${formatShape(tensor.shape)}, but the model's has ${formatShape(shape)}.`,
          { file: checkpoint.file, tensor: stored },
        );
      }
      weights.set(name, tensor);
    }
    return weights;
  } finally {
    await opened.close();
  }
}

async function closeAll(items: Iterable<{ close(): Promise<void> }>): Promise<void> {
  await Promise.allSettled([...items].map((item) => item.close()));
}
