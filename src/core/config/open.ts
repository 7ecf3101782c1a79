import { resolve } from "node:path";
import type { Dataset } from "../datasets/dataset.ts";
import type { Encoder, EncoderState } from "../datasets/encoder.ts";
import { fitEncoder } from "../datasets/fit.ts";
import { encoderFromState } from "../datasets/fitted-encoder.ts";
import { openDataset } from "../datasets/open.ts";
import { TracInError } from "../errors.ts";
import { type Model, weightBytes } from "../models/model.ts";
import { importModel } from "../models/open.ts";
import { resolveInside } from "../paths.ts";
import { CheckpointFiles } from "./checkpoints.ts";
import type { Config } from "./config.ts";
import { configFile, loadConfig } from "./load.ts";
import { outputShape, resolveLoss } from "./loss.ts";
import type { LossSpec, Project } from "./project.ts";

export interface OpenOptions {
  /** Configuration file relative to the root; `tracin.json` unless told. */
  readonly config?: string;
  /** State of an encoder that another process fitted; fitted from the training data unless told. */
  readonly encoder?: EncoderState;
  /** Datasets to open besides the training data; all unless told. */
  readonly datasets?: readonly string[];
  /**
   * Bytes that readers of data may hold together, where they hold more than what they are asked for (Parquet). Weights are kept
   * once they are read where those of all checkpoints take a quarter of that at most.
   */
  readonly memoryLimit?: number;
  /** Told configuration and model before checkpoints and data are read. */
  readonly onModel?: (config: Config, model: Model) => void;
}

/**
 * Opens everything that `tracin.json` names and checks that it fits together.
 * Throws a `TracInError` of the kind of the part that fails, with file and place.
 */
export async function openProject(root: string, options: OpenOptions = {}): Promise<Project> {
  const folder = resolve(root);
  const config = await loadConfig(folder, options.config ?? configFile);
  const model = await openModel(folder, config.model);
  options.onModel?.(config, model);
  const loss = resolveLoss(config, model);
  const files = new CheckpointFiles(folder, config, model);
  const { checkpoints, parameters, buffers } = await files.open();
  if (parameters.length === 0) {
    throw new TracInError(
      "config",
      "The model has no parameter that was trained.",
      { file: options.config ?? configFile },
      'Check "frozen" and "checkpoints".',
    );
  }
  const datasets = await openDatasets(folder, config, options);
  const { memoryLimit = 0 } = options;
  const isKept = checkpoints.length * weightBytes(model) <= memoryLimit / 4;
  const read: Project["readWeights"] = (checkpoint) => files.readWeights(checkpoint);
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
      readWeights: isKept ? kept(read) : read,
      ...(config.checkpoints.preconditioner === "from-file"
        ? {
            readPreconditioner: (checkpoint, names) => files.readPreconditioner(checkpoint, names),
          }
        : {}),
      close: () => closeAll(datasets.values()),
    };
  } catch (error) {
    await closeAll(datasets.values());
    throw error;
  }
}

/** Reads the weights of each checkpoint once. */
function kept(read: Project["readWeights"]): Project["readWeights"] {
  const known = new Map<string, ReturnType<typeof read>>();
  return (checkpoint) => {
    const { file } = checkpoint;
    const before = known.get(file);
    if (before !== undefined) {
      return before;
    }
    const weights = read(checkpoint);
    known.set(file, weights);
    weights.catch(() => known.delete(file));
    return weights;
  };
}

async function openModel(root: string, file: string): Promise<Model> {
  return importModel(await resolveInside(root, file), file);
}

async function openDatasets(
  root: string,
  config: Config,
  { datasets: names, memoryLimit }: OpenOptions,
): Promise<ReadonlyMap<string, Dataset>> {
  const datasets = new Map<string, Dataset>();
  const share = memoryLimit && memoryLimit / Object.keys(config.data).length;
  try {
    for (const [name, source] of Object.entries(config.data)) {
      if (names === undefined || name === "train" || names.includes(name)) {
        datasets.set(name, await openDataset(name, source, root, share));
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

async function closeAll(items: Iterable<{ close(): Promise<void> }>): Promise<void> {
  await Promise.allSettled([...items].map((item) => item.close()));
}
