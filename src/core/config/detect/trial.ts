import { join } from "node:path";
import { findCheckpoints } from "../../checkpoints/discover.ts";
import { matchCheckpoint } from "../../checkpoints/match.ts";
import { openCheckpoint } from "../../checkpoints/open.ts";
import { fitEncoder } from "../../datasets/fit.ts";
import { openDataset } from "../../datasets/open.ts";
import type { TargetForm } from "../../datasets/target-form.ts";
import { chooseEngine } from "../../engines/choose.ts";
import type { Program } from "../../engines/engine.ts";
import { TracInError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Model } from "../../models/model.ts";
import { appendLoss } from "../../tracin/loss/loss.ts";
import { type Feeds, feedsOf, targetForm } from "../../tracin/questions.ts";
import type { Config } from "../config.ts";
import { outputShape, resolveLoss } from "../loss.ts";
import type { LossSpec } from "../project.ts";

const examples = 256;
/** Outputs with positions are large. */
const examplesWithPositions = 16;

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
    const { engine } = await chooseEngine("auto");
    const graph = ofLogits(model.graph, resolveLoss(config, model).output);
    return await engine.compile({ ...graph, initializers });
  } finally {
    await checkpoint.close();
  }
}

/** Operators after an activation that keep every element. */
const keeping = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"]);

/** The graph with logits, or logarithms of probabilities, where an output comes from a Sigmoid or Softmax. */
function ofLogits(graph: Graph, output: string): Graph {
  const maker = (value: string) => graph.nodes.find((node) => node.outputs.includes(value));
  let last = maker(output);
  while (last !== undefined && keeping.has(last.op)) {
    last = maker(last.inputs[0] ?? "");
  }
  const op =
    last?.op === "Softmax" ? "LogSoftmax" : last?.op === "Sigmoid" ? "Identity" : undefined;
  return op === undefined
    ? graph
    : { ...graph, nodes: graph.nodes.map((node) => (node === last ? { ...node, op } : node)) };
}

async function meanLoss(
  root: string,
  model: Model,
  config: Config,
  program: Program,
): Promise<number | undefined> {
  const source = config.data["train"];
  if (!source) {
    return undefined;
  }
  const loss = resolveLoss(config, model);
  const train = await openDataset("train", source, root);
  try {
    const encoder = await fitEncoder({
      features: config.features,
      loss,
      labels: config.labels,
      target: source.target,
      output: outputShape(model, loss),
      inputs: model.graph.inputs.map(({ name, dtype, shape }) => ({
        name,
        dtype,
        shape: shape.slice(1),
      })),
      train,
      root,
    });
    const rank = model.graph.outputs.find(({ name }) => name === loss.output)?.shape.length ?? 2;
    const count = Math.min(rank > 2 ? examplesWithPositions : examples, train.length);
    const indices = Array.from({ length: count }, (_, index) =>
      Math.floor((index * train.length) / count),
    );
    const batch = await encoder.encodeAt(train, indices);
    const results = await program.run(batch.inputs);
    const output = results.get(loss.output);
    const form = targetForm({ loss, encoder }, batch);
    const mask = results.get(loss.mask ?? "");
    return output && (await averageLoss(loss, { output, mask }, form, feedsOf(batch, loss)));
  } finally {
    await train.close();
  }
}

/** Mean over the batch of the loss of each example. */
async function averageLoss(
  loss: LossSpec,
  { output, mask }: { readonly output: Tensor; readonly mask: Tensor | undefined },
  target: TargetForm,
  feeds: Feeds,
): Promise<number> {
  const builder = new GraphBuilder();
  const { dtype, shape } = output;
  const [batch = 0] = shape;
  const name = builder.input({ name: "output", dtype, shape });
  const given = new Map([...feeds, [name, output]]);
  if (mask !== undefined && loss.mask !== undefined) {
    given.set(builder.input({ name: loss.mask, dtype: mask.dtype, shape: mask.shape }), mask);
  }
  const values = appendLoss({
    builder,
    loss,
    output: name,
    shape,
    batch,
    target,
    type: (value) => given.get(value) ?? { dtype, shape },
  });
  builder.output({ name: values.loss, dtype: "float32", shape: [batch] });
  const { engine } = await chooseEngine("auto");
  const program = await engine.compile(builder.build());
  try {
    const results = await program.run(given);
    const losses = Array.from(results.get(values.loss)?.data ?? [], Number);
    return losses.reduce((total, value) => total + value, 0) / batch;
  } finally {
    await program.dispose();
  }
}
