import { join } from "node:path";
import { findCheckpoints } from "../../checkpoints/discover.ts";
import { matchCheckpoint } from "../../checkpoints/match.ts";
import { openCheckpoint } from "../../checkpoints/open.ts";
import type { EncodedBatch } from "../../datasets/encoder.ts";
import { fitEncoder } from "../../datasets/fit.ts";
import { openDataset } from "../../datasets/open.ts";
import type { Program } from "../../engines/engine.ts";
import { onnxruntimeEngine } from "../../engines/onnxruntime.ts";
import { TracInError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Model } from "../../models/model.ts";
import type { Config, LossName } from "../config.ts";

const examples = 256;

/**
 * Runs the last checkpoint on some training examples under several configurations and compares the mean loss:
 * what the training did fits its data best. Configurations may differ in features and labels.
 * @returns the mean loss of each configuration; undefined where it cannot be computed
 */
export async function trialLosses(
  root: string,
  model: Model,
  configs: readonly Config[],
): Promise<readonly (number | undefined)[]> {
  const [first] = configs;
  if (!first) {
    return [];
  }
  let program: Program | undefined;
  try {
    program = await compileLast(root, model, first);
    const losses: (number | undefined)[] = [];
    for (const config of configs) {
      losses.push(await meanLoss(root, model, config, program));
    }
    return losses;
  } catch (error) {
    if (error instanceof TracInError) {
      return configs.map(() => undefined);
    }
    throw error;
  } finally {
    await program?.dispose();
  }
}

async function compileLast(root: string, model: Model, config: Config): Promise<Program> {
  const file = (await findCheckpoints(root, config.checkpoints.files)).at(-1) ?? "";
  const checkpoint = await openCheckpoint(join(root, file), file);
  try {
    const initializers = new Map(model.graph.initializers);
    for (const [name, tensor] of matchCheckpoint(model, checkpoint).names) {
      initializers.set(name, await checkpoint.read(tensor));
    }
    return await onnxruntimeEngine().compile({ ...model.graph, initializers });
  } finally {
    await checkpoint.close();
  }
}

async function meanLoss(
  root: string,
  model: Model,
  config: Config,
  program: Program,
): Promise<number | undefined> {
  const source = config.data["train"];
  const loss = typeof config.loss === "string" ? config.loss : (config.loss ?? model.loss)?.type;
  if (!source || loss === undefined) {
    return undefined;
  }
  const train = await openDataset("train", source, root);
  try {
    const outputs = model.graph.outputs[0]?.shape[1];
    const encoder = await fitEncoder({
      features: config.features,
      loss,
      labels: config.labels,
      inputs: model.graph.inputs.map(({ name, dtype, shape }) => ({
        name,
        dtype,
        shape: shape.slice(1),
      })),
      train,
      root,
      ...(typeof outputs === "number" ? { outputs } : {}),
    });
    const count = Math.min(examples, train.length);
    const indices = Array.from({ length: count }, (_, index) =>
      Math.floor((index * train.length) / count),
    );
    const batch = await encoder.encodeAt(train, indices);
    const results = await program.run(batch.inputs);
    const output = results.get(model.graph.outputs[0]?.name ?? "");
    return output ? averageLoss(loss, output, batch) : undefined;
  } finally {
    await train.close();
  }
}

/** Mean over the batch of the loss summed over an example's outputs. */
function averageLoss(loss: LossName, output: Tensor, { size, targets }: EncodedBatch): number {
  const width = output.data.length / size;
  const value = (index: number) => Number(output.data[index] ?? 0);
  const target = (index: number) => Number(targets.data[index] ?? 0);
  let sum = 0;
  for (let row = 0; row < size; row++) {
    const start = row * width;
    if (loss === "softmax-cross-entropy") {
      const logits = Array.from({ length: width }, (_, column) => value(start + column));
      const top = Math.max(...logits);
      const log = Math.log(logits.reduce((total, logit) => total + Math.exp(logit - top), 0));
      sum += top + log - (logits[target(row)] ?? Number.NaN);
    } else {
      for (let column = start; column < start + width; column++) {
        const [x, y] = [value(column), target(column)];
        sum +=
          loss === "mse"
            ? (x - y) ** 2
            : Math.max(x, 0) - x * y + Math.log1p(Math.exp(-Math.abs(x)));
      }
    }
  }
  return sum / size;
}
