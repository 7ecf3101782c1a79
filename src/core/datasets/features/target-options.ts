import type { OpenShape } from "../../config/class-axis.ts";
import type { FeatureConfig, TargetConfig } from "../../config/config.ts";
import type { LossSpec } from "../../config/project.ts";
import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { listNames } from "../data-error.ts";
import type { Dataset, FieldValue } from "../dataset.ts";
import type { InputSpec } from "../encoder.ts";
import { toList } from "../field.ts";
import { Batch } from "./batch.ts";
import type { Feature } from "./feature.ts";
import { distinct, isIndex, sortNames } from "./names.ts";
import { labelOf } from "./target-values.ts";

/** What targets are fitted from. */
export interface TargetOptions {
  readonly loss: Pick<LossSpec, "type" | "classAxis" | "ignoreIndex" | "shift"> & {
    readonly output?: string;
  };
  readonly labels?: readonly string[] | undefined;
  /** Shape of the output that the loss reads, the batch first, as far as the model file tells. */
  readonly output?: OpenShape | undefined;
  /** `target` of the training data in `tracin.json`. */
  readonly target?: TargetConfig | undefined;
  readonly features: Readonly<Record<string, FeatureConfig>>;
  readonly inputs: readonly InputSpec[];
}

/** What the loss takes: a class at each place, on or off, numbers; or nothing, where the target is only shown. */
export type TargetFamily = "classes" | "binary" | "numbers" | "none";

/** Features of the model's inputs by name, once they are fitted. */
export type FittedFeatures = ReadonlyMap<string, Pick<Feature, "shape" | "noun">>;

const maxLabels = 100_000;

/**
 * Class names: 0 to K - 1 when all values are such indices, else the values in order.
 * @param ignore what is no class
 */
export function classNames(
  seen: ReadonlySet<string>,
  outputs: number | undefined,
  ignore?: string,
): string[] {
  const all = sortNames(seen);
  const sorted = all.length === outputs ? all : all.filter((name) => name !== ignore);
  const count = outputs ?? sorted.length;
  const areIndices = sorted.every((name) => isIndex(name) && Number(name) < count);
  return areIndices ? Array.from({ length: count }, (_, index) => String(index)) : sorted;
}

/**
 * Names that the file of the training data has for the indices in a column. Names that are other numbers than their indices would be taken for
 * these, and a model with another number of classes was trained on others.
 */
export function fileLabels(
  train: Dataset,
  column: string,
  outputs: number | undefined,
): readonly string[] | undefined {
  const names = train.labelNames?.(column) ?? [];
  const isClear = names.every((name, index) => !isIndex(name) || name === String(index));
  const fits = outputs === undefined || outputs === names.length;
  return names.length > 0 && isClear && distinct(names) && fits ? names : undefined;
}

/** Adds the label of a value to those that were seen. */
export function addLabel(
  batch: Batch,
  position: number,
  column: string,
  labels: Set<string>,
  value: FieldValue | undefined,
): void {
  labels.add(labelOf(batch, position, column, value));
  if (labels.size > maxLabels) {
    throw batch.error(
      position,
      column,
      `The column has more than ${maxLabels} different labels.`,
      'For numbers to be predicted, use the loss "mse".',
    );
  }
}

/** The labels, when there are as many as the model has classes. */
export function checkOutputs(
  train: Dataset,
  labels: readonly string[],
  outputs: number | undefined,
): string[] {
  if (labels.length === 0 || (outputs ?? labels.length) !== labels.length) {
    throw outputsError(train, `${counted(labels.length, "label")} (${listNames(labels)})`, outputs);
  }
  return [...labels];
}

/** The error about labels or numbers that are not as many as the model's outputs. */
export function outputsError(
  train: Dataset,
  found: string,
  outputs: number | undefined,
): TracInError {
  return new TracInError(
    "config",
    `The model has ${outputs === undefined ? "outputs" : counted(outputs, "output")} for ${found}.`,
    { file: train.file, ...(train.target[0] === undefined ? {} : { column: train.target[0] }) },
    "Set labels in tracin.json in the order of the model's outputs, or correct the target.",
  );
}

/** True when a column holds a list for the first example. */
export async function holdsLists(train: Dataset): Promise<boolean> {
  const [column, ...others] = train.target;
  if (column === undefined || others.length > 0 || train.kind === "arrays") {
    return false;
  }
  const read = await Batch.range(train, 0, 1).column(column);
  return toList(read(0)) !== undefined;
}
