import { datasetOf, type LossSpec, type Project } from "../config/project.ts";
import type { EncodedBatch } from "../datasets/encoder.ts";
import { TracInError } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";
import { targetInput, targetMaskInput } from "./loss.ts";
import { concatRows, paddedRows } from "./rows.ts";
import type { QuerySelection } from "./scores.ts";

/** Model inputs, targets and masks of some examples, by the names of the compiled graph. */
export type Feeds = ReadonlyMap<string, Tensor>;

/** Feeds of examples with their own targets. */
export function feedsOf(encoded: EncodedBatch, loss: LossSpec): Feeds {
  const feeds = new Map(encoded.inputs);
  feeds.set(targetInput, encoded.targets);
  if (loss.type === "sigmoid-cross-entropy") {
    const { shape, data } = encoded.targets;
    feeds.set(targetMaskInput, float32(shape, new Float32Array(data.length).fill(1)));
  }
  return feeds;
}

/** Feeds of `rows` examples from `row` on, filled up with zeros to a whole batch. */
export function batchOf(feeds: Feeds, row: number, rows: number, batch: number): Feeds {
  return new Map([...feeds].map(([name, all]) => [name, paddedRows(all, row, row + rows, batch)]));
}

/** Reads the queries' examples, in the order of the selection. */
export async function encodeQueries(
  project: Project,
  selection: readonly QuerySelection[],
): Promise<Feeds> {
  const singles: Feeds[] = [];
  for (const query of selection) {
    const dataset = datasetOf(project, query.dataset);
    if (!Number.isInteger(query.index) || query.index < 0 || query.index >= dataset.length) {
      throw new TracInError(
        "data",
        `The dataset "${query.dataset}" has no example ${query.index}.`,
        { file: dataset.file },
        `Its examples are numbered 0 to ${dataset.length - 1}.`,
      );
    }
    singles.push(feedsOf(await project.encoder.encodeAt(dataset, [query.index]), project.loss));
  }
  const names = [...(singles[0]?.keys() ?? [])];
  return new Map(
    names.map((name) => [name, concatRows(singles.map((feeds) => feeds.get(name) as Tensor))]),
  );
}

/** What is explained of each query: a class or output, or (undefined) all of its target. */
export function explainedLabels(
  selection: readonly QuerySelection[],
  loss: LossSpec,
  targets: Tensor,
  predictions: Float32Array,
): readonly (number | undefined)[] {
  const count = predictions.length / selection.length;
  return selection.map(({ explain }, row) => {
    if (loss.type === "mse") {
      if (explain !== "target") {
        throw new TracInError(
          "config",
          `The loss "${loss.type}" has no labels: only the example's own target can be explained.`,
        );
      }
      return undefined;
    }
    if (explain === "target") {
      return loss.type === "softmax-cross-entropy" ? Number(targets.data[row]) : undefined;
    }
    if (explain === "prediction") {
      return largest(predictions.subarray(row * count, (row + 1) * count));
    }
    if (!Number.isInteger(explain) || explain < 0 || explain >= count) {
      throw new TracInError(
        "config",
        `The model has no output ${explain}.`,
        {},
        `Its outputs are numbered 0 to ${count - 1}.`,
      );
    }
    return explain;
  });
}

/**
 * Feeds whose targets are the labels to explain. For multi-label models an explained output counts alone, as if it
 * were on.
 */
export function withLabels(
  feeds: Feeds,
  loss: LossSpec,
  labels: readonly (number | undefined)[],
): Feeds {
  const targets = feeds.get(targetInput) as Tensor;
  if (loss.type === "softmax-cross-entropy") {
    const data = BigInt64Array.from(labels, (label, row) =>
      label === undefined ? BigInt(targets.data[row] ?? 0) : BigInt(label),
    );
    return new Map([...feeds, [targetInput, { dtype: "int64", shape: targets.shape, data }]]);
  }
  if (loss.type === "mse" || labels.every((label) => label === undefined)) {
    return feeds;
  }
  const mask = feeds.get(targetMaskInput) as Tensor;
  const target = Float32Array.from(targets.data, Number);
  const counts = Float32Array.from(mask.data, Number);
  const width = target.length / labels.length;
  labels.forEach((label, row) => {
    if (label !== undefined) {
      target.fill(0, row * width, (row + 1) * width);
      counts.fill(0, row * width, (row + 1) * width);
      target[row * width + label] = 1;
      counts[row * width + label] = 1;
    }
  });
  return new Map([
    ...feeds,
    [targetInput, float32(targets.shape, target)],
    [targetMaskInput, float32(targets.shape, counts)],
  ]);
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
