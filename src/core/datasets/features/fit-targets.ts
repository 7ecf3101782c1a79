import type { LossName } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import { listNames } from "../data-error.ts";
import type { Dataset, FieldValue } from "../dataset.ts";
import type { Batch } from "./batch.ts";
import type { Fit } from "./feature.ts";
import { distinct, isIndex, sortNames } from "./names.ts";
import {
  isFlag,
  labelOf,
  listOf,
  numberAt,
  numbersOf,
  onlyTarget,
  valuesOf,
} from "./target-values.ts";
import type { TargetState } from "./targets.ts";

export interface TargetConfig {
  readonly loss: LossName;
  readonly labels?: readonly string[] | undefined;
  /** Outputs of the model, where known. */
  readonly outputs?: number | undefined;
}

const maxLabels = 100_000;

/** Learns labels and widths from the training data; throws when they do not fit the model's outputs. */
export function fitTargets(train: Dataset, config: TargetConfig): Fit<TargetState> {
  if (config.labels && (config.labels.length === 0 || !distinct(config.labels))) {
    throw new TracInError(
      "config",
      "labels is empty or names a label twice.",
      { file: "tracin.json" },
      "Name each label once, in the order of the model's outputs.",
    );
  }
  switch (config.loss) {
    case "softmax-cross-entropy":
      return fitClass(train, config);
    case "sigmoid-cross-entropy":
      return fitSigmoid(train, config);
    case "mse":
      return fitNumbers(train, config);
  }
}

function fitClass(train: Dataset, config: TargetConfig): Fit<TargetState> {
  const column = onlyTarget(train);
  const given = config.labels;
  if (given) {
    return {
      finish: () => ({ kind: "class", labels: checkOutputs(train, given, config.outputs) }),
    };
  }
  const seen = new Set<string>();
  return {
    observe: async (batch) => {
      const read = await valuesOf(batch, column);
      for (let position = 0; position < batch.size; position++) {
        addLabel(batch, position, column, seen, read(position));
      }
    },
    finish: () => ({
      kind: "class",
      labels: checkOutputs(train, classNames(seen, config.outputs), config.outputs),
    }),
  };
}

/** Class names: 0 to K - 1 when all values are such indices, else the values in order. */
function classNames(seen: ReadonlySet<string>, outputs: number | undefined): string[] {
  const sorted = sortNames(seen);
  const count = outputs ?? sorted.length;
  const areIndices = sorted.every((name) => isIndex(name) && Number(name) < count);
  return areIndices ? Array.from({ length: count }, (_, index) => String(index)) : sorted;
}

function fitSigmoid(train: Dataset, config: TargetConfig): Fit<TargetState> {
  if (train.target.length > 1) {
    const labels = checkOutputs(train, config.labels ?? train.target, config.outputs);
    if (labels.length !== train.target.length) {
      throw new TracInError(
        "config",
        `There are ${labels.length} labels for ${train.target.length} target columns.`,
        { file: "tracin.json" },
        "Name one label for each target column, in the same order.",
      );
    }
    return { finish: () => ({ kind: "flags", labels }) };
  }
  const column = onlyTarget(train);
  const names = new Set<string>();
  const widths = new Set<number>();
  let onlyFlags = true;
  return {
    observe: async (batch) => {
      const read = await valuesOf(batch, column);
      for (let position = 0; position < batch.size; position++) {
        const list = listOf(batch, position, column, read(position));
        widths.add(list.length);
        for (const item of list) {
          onlyFlags &&= isFlag(item);
          addLabel(batch, position, column, names, item);
        }
      }
    },
    finish: () => {
      const [width] = widths;
      const expected = config.labels?.length ?? config.outputs ?? width;
      if (onlyFlags && widths.size === 1 && width !== undefined && width === expected) {
        const numbered = Array.from({ length: width }, (_, index) => String(index));
        const labels = config.labels ?? (width === 1 ? [column] : numbered);
        return { kind: "flags", labels: checkOutputs(train, labels, config.outputs) };
      }
      const labels = config.labels ?? sortNames(names);
      return { kind: "labelList", labels: checkOutputs(train, labels, config.outputs) };
    },
  };
}

function fitNumbers(train: Dataset, config: TargetConfig): Fit<TargetState> {
  let width: number | undefined;
  return {
    observe: async (batch) => {
      width ??= (await numbersOf(batch, undefined, numberAt)).width;
    },
    finish: () => {
      if (width === undefined || width === 0 || (config.outputs ?? width) !== width) {
        throw outputsError(train, `${width ?? 0} target numbers`, config.outputs);
      }
      return { kind: "numbers", width };
    },
  };
}

function addLabel(
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

function checkOutputs(
  train: Dataset,
  labels: readonly string[],
  outputs: number | undefined,
): string[] {
  if (labels.length === 0 || (outputs ?? labels.length) !== labels.length) {
    throw outputsError(train, `${labels.length} labels (${listNames(labels)})`, outputs);
  }
  return [...labels];
}

function outputsError(train: Dataset, found: string, outputs: number | undefined): TracInError {
  return new TracInError(
    "config",
    `The model has ${outputs ?? "some"} outputs, but there are ${found}.`,
    { file: train.file, ...(train.target[0] === undefined ? {} : { column: train.target[0] }) },
    "Set labels in tracin.json in the order of the model's outputs, or correct the target.",
  );
}
