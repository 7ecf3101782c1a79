import { lossFamily } from "../config/loss-schema.ts";
import { datasetOf, type LossSpec, type Project, trainingData } from "../config/project.ts";
import type { Dataset } from "../datasets/dataset.ts";
import type { EncodedBatch } from "../datasets/encoder.ts";
import { newExampleDataset } from "../datasets/new-example.ts";
import type { Reading, TargetForm } from "../datasets/target-form.ts";
import { TracInError } from "../errors.ts";
import { float32, sizeOf, type Tensor } from "../graph/tensor.ts";
import { targetInput, targetMaskInput } from "./loss/loss.ts";
import { hasChosenOutputs } from "./loss/regression.ts";
import { concatRows, paddedRows } from "./rows.ts";
import type { QuerySelection } from "./scores.ts";

/** Model inputs, targets and masks of some examples, by the names of the compiled graph. */
export type Feeds = ReadonlyMap<string, Tensor>;

/** Feeds of examples with their own targets. */
export function feedsOf({ inputs, targets, mask }: EncodedBatch, loss: LossSpec): Feeds {
  const feeds = new Map(inputs);
  feeds.set(targetInput, targets);
  if (mask !== undefined) {
    feeds.set(targetMaskInput, mask);
  } else if (
    lossFamily(loss.type) === "binary" ||
    hasChosenOutputs(loss, sizeOf(targets.shape.slice(1)))
  ) {
    const all = new Float32Array(targets.data.length).fill(1);
    feeds.set(targetMaskInput, float32(targets.shape, all));
  }
  return feeds;
}

/** What is known of the predictions of a project's examples. */
export function readingOf({ loss, encoder }: Pick<Project, "loss" | "encoder">): Reading {
  if (loss.type === "output") {
    return loss.prediction === undefined ? "none" : "values";
  }
  return encoder.reading;
}

/** How the targets of a project reach the graph, as its examples have them. */
export function targetForm(
  project: Pick<Project, "loss" | "encoder">,
  { targets, mask }: EncodedBatch,
): TargetForm {
  return {
    dtype: targets.dtype,
    shape: targets.shape.slice(1),
    masked: mask !== undefined,
    reading: readingOf(project),
  };
}

/** Feeds of `rows` examples from `row` on, filled up with zeros to a whole batch. */
export function batchOf(feeds: Feeds, row: number, rows: number, batch: number): Feeds {
  return new Map([...feeds].map(([name, all]) => [name, paddedRows(all, row, row + rows, batch)]));
}

/** Feeds of some examples cut into batches; the last one is filled up. */
export function batchesOf(
  feeds: Feeds,
  size: number,
  batch: number,
): readonly { readonly row: number; readonly rows: number; readonly feeds: Feeds }[] {
  return Array.from({ length: Math.ceil(size / batch) }, (_, index) => {
    const row = index * batch;
    const rows = Math.min(batch, size - row);
    return { row, rows, feeds: batchOf(feeds, row, rows, batch) };
  });
}

/** Reads the queries' examples, in the order of the selection; those of one dataset are read together. */
export async function encodeQueries(
  project: Project,
  selection: readonly QuerySelection[],
): Promise<Feeds> {
  const groups: { readonly dataset: Dataset; readonly indices: number[] }[] = [];
  for (const query of selection) {
    const dataset = datasetOfQuery(project, query);
    if (!Number.isInteger(query.index) || query.index < 0 || query.index >= dataset.length) {
      throw new TracInError(
        "data",
        `The dataset "${query.dataset}" has no example ${query.index}.`,
        { file: dataset.file },
        `Its examples are numbered 0 to ${dataset.length - 1}.`,
      );
    }
    const last = groups.at(-1);
    if (last?.dataset === dataset) {
      last.indices.push(query.index);
    } else {
      groups.push({ dataset, indices: [query.index] });
    }
  }
  const parts: Feeds[] = [];
  for (const { dataset, indices } of groups) {
    parts.push(feedsOf(await project.encoder.encodeAt(dataset, indices), project.loss));
  }
  const names = [...(parts[0]?.keys() ?? [])];
  return new Map(
    names.map((name) => [name, concatRows(parts.map((feeds) => feeds.get(name) as Tensor))]),
  );
}

/** The dataset that holds a query's example. */
export function datasetOfQuery(project: Project, { dataset, example }: QuerySelection): Dataset {
  return example === undefined
    ? datasetOf(project, dataset)
    : newExampleDataset(example, trainingData(project));
}

/** What is explained of each query: a class or output, or (undefined) all of its target or prediction. */
export function explainedLabels(
  selection: readonly QuerySelection[],
  loss: LossSpec,
  reading: Reading,
  targets: Tensor,
  predictions: Float32Array,
): readonly (number | undefined)[] {
  const count = predictions.length / selection.length;
  const outputs = sizeOf(targets.shape.slice(1));
  const isChosen = hasChosenOutputs(loss, outputs);
  return selection.map(({ explain }, row) => {
    if (reading !== "probabilities") {
      if (explain === "target" || (explain === "prediction" && reading === "positions")) {
        return undefined;
      }
      if (typeof explain === "number" && reading === "values" && isChosen) {
        return inRange(explain, outputs);
      }
      throw new TracInError(
        "config",
        reading === "positions"
          ? "There is a label at each position: an example's target or its prediction can be explained, but no single label."
          : isChosen
            ? "There are no labels: an example's own target or one of its outputs can be explained."
            : `The loss "${loss.type}" has no labels: only the example's own target can be explained.`,
      );
    }
    if (explain === "target") {
      const own = lossFamily(loss.type) === "classes" ? Number(targets.data[row]) : -1;
      return own < 0 ? undefined : own;
    }
    if (explain === "prediction") {
      return largest(predictions.subarray(row * count, (row + 1) * count));
    }
    return inRange(explain, count);
  });
}

function inRange(output: number, count: number): number {
  if (Number.isInteger(output) && output >= 0 && output < count) {
    return output;
  }
  throw new TracInError(
    "config",
    `The model has no output ${output}.`,
    {},
    `Its outputs are numbered 0 to ${count - 1}.`,
  );
}

/**
 * Feeds whose targets are the labels to explain. For multi-label models an explained output counts alone, as if it
 * were on; of a regression it counts alone, with its own target. A mean still divides by all outputs that have a target.
 *
 * @throws kind `data` where that example has no target for the output
 */
export function withLabels(
  feeds: Feeds,
  loss: LossSpec,
  labels: readonly (number | undefined)[],
): Feeds {
  if (labels.every((label) => label === undefined)) {
    return feeds;
  }
  const targets = feeds.get(targetInput) as Tensor;
  if (lossFamily(loss.type) === "classes") {
    const data = BigInt64Array.from(labels, (label, row) =>
      label === undefined ? BigInt(targets.data[row] ?? 0) : BigInt(label),
    );
    return new Map([...feeds, [targetInput, { dtype: "int64", shape: targets.shape, data }]]);
  }
  const mask = feeds.get(targetMaskInput) as Tensor;
  const target = Float32Array.from(targets.data, Number);
  const counts = Float32Array.from(mask.data, Number);
  const width = target.length / labels.length;
  const isLabel = lossFamily(loss.type) === "binary";
  labels.forEach((label, row) => {
    if (label === undefined) {
      return;
    }
    const at = row * width + label;
    if (!isLabel && counts[at] === 0) {
      throw new TracInError("data", `The example has no target for output ${label}.`);
    }
    for (let other = row * width; other < (row + 1) * width; other++) {
      // A mean divides by what counted before (src/core/tracin/loss/elements.ts).
      counts[other] = loss.reduction === "mean" && counts[other] === 1 ? -1 : 0;
    }
    counts[at] = 1;
    if (isLabel) {
      target.fill(0, row * width, (row + 1) * width);
      target[at] = 1;
    }
  });
  return new Map([
    ...feeds,
    [targetInput, float32(targets.shape, target)],
    [targetMaskInput, float32(targets.shape, counts)],
  ]);
}

/**
 * Feeds of which some queries have, at each position that counts, what the model predicts there as their target.
 *
 * @param predicted [queries, positions] classes
 */
export function withPredictions(
  feeds: Feeds,
  selection: readonly QuerySelection[],
  predicted: Float32Array,
): Feeds {
  const targets = feeds.get(targetInput) as Tensor;
  const width = predicted.length / selection.length;
  const data = Float64Array.from(targets.data, Number);
  selection.forEach(({ explain }, row) => {
    for (let at = row * width; explain === "prediction" && at < (row + 1) * width; at++) {
      data[at] = (data[at] as number) < 0 ? -1 : (predicted[at] as number);
    }
  });
  const { dtype, shape } = targets;
  const replaced: Tensor =
    dtype === "float32"
      ? float32(shape, data)
      : { dtype: "int32", shape, data: Int32Array.from(data) };
  return new Map([...feeds, [targetInput, replaced]]);
}

/** Index of the largest value; the first of equals. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) {
      best = index;
    }
  }
  return best;
}
