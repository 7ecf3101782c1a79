import { z } from "zod";
import type { LossName } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import { float32, type Tensor } from "../../graph/tensor.ts";
import { listNames } from "../data-error.ts";
import type { Dataset, FieldValue } from "../dataset.ts";
import { fieldText, toList, toName, toNumber } from "../field.ts";
import { type Batch, known } from "./batch.ts";
import type { Fit } from "./feature.ts";
import { distinct, isIndex, sortNames } from "./names.ts";

export const targetState = z.discriminatedUnion("kind", [
  /** One label: its position in `labels`. */
  z.strictObject({ kind: z.literal("class"), labels: z.array(z.string()) }),
  /** A list of label names: 1 at each. */
  z.strictObject({ kind: z.literal("labelList"), labels: z.array(z.string()) }),
  /** Numbers of 0 and 1, one for each label. */
  z.strictObject({ kind: z.literal("flags"), labels: z.array(z.string()) }),
  /** Numbers to be predicted. */
  z.strictObject({ kind: z.literal("numbers"), width: z.int().positive() }),
]);

export type TargetState = z.infer<typeof targetState>;

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

/** Target tensors of a batch; see `EncodedBatch.targets`. */
export async function encodeTargets(state: TargetState, batch: Batch): Promise<Tensor> {
  switch (state.kind) {
    case "class":
      return encodeClasses(state.labels, batch);
    case "labelList":
      return encodeLists(state.labels, batch);
    case "flags": {
      const width = state.labels.length;
      const { data } = await numbersOf(batch, width, flagAt);
      return float32([batch.size, width], data);
    }
    case "numbers": {
      const { data } = await numbersOf(batch, state.width, numberAt);
      return float32([batch.size, state.width], data);
    }
  }
}

async function encodeClasses(labels: readonly string[], batch: Batch): Promise<Tensor> {
  const column = onlyTarget(batch.dataset);
  const places = labelPlaces(labels);
  const data = new BigInt64Array(batch.size);
  const read = await valuesOf(batch, column);
  for (let position = 0; position < batch.size; position++) {
    data[position] = BigInt(placeOf(batch, position, column, labels, places, read(position)));
  }
  return { dtype: "int64", shape: [batch.size], data };
}

async function encodeLists(labels: readonly string[], batch: Batch): Promise<Tensor> {
  const column = onlyTarget(batch.dataset);
  const places = labelPlaces(labels);
  const data = new Float32Array(batch.size * labels.length);
  const read = await valuesOf(batch, column);
  for (let position = 0; position < batch.size; position++) {
    for (const item of listOf(batch, position, column, read(position))) {
      const place = placeOf(batch, position, column, labels, places, item);
      data[position * labels.length + place] = 1;
    }
  }
  return float32([batch.size, labels.length], data);
}

/** Label name to position. Where no label is itself a number, an index stands for its label too. */
function labelPlaces(labels: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map(labels.map((label, index) => [label, index]));
  if (!labels.some(isIndex)) {
    for (const index of labels.keys()) {
      places.set(String(index), index);
    }
  }
  return places;
}

function placeOf(
  batch: Batch,
  position: number,
  column: string,
  labels: readonly string[],
  places: ReadonlyMap<string, number>,
  value: FieldValue | undefined,
): number {
  const name = labelOf(batch, position, column, value);
  const place = places.get(name);
  if (place === undefined) {
    throw batch.error(
      position,
      column,
      `The label ${JSON.stringify(name.slice(0, 80))} is unknown; ${known(labels)}.`,
      "Mend the label, or add it to labels in tracin.json if the model has an output for it.",
    );
  }
  return place;
}

/** Values of a target column; a NumPy field has one number for each example. */
async function valuesOf(
  batch: Batch,
  column: string,
): Promise<(position: number) => FieldValue | undefined> {
  if (batch.dataset.kind !== "arrays") {
    return batch.column(column);
  }
  const { data } = await batch.array(column);
  const width = data.length / Math.max(1, batch.size);
  return width === 1
    ? (position) => data[position]
    : (position) => Array.from(data.subarray(position * width, (position + 1) * width));
}

type ReadNumber = (
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
) => number;

/** Numbers of all target columns side by side; a field may hold a list of them. */
async function numbersOf(
  batch: Batch,
  width: number | undefined,
  toValue: ReadNumber,
): Promise<{ width: number; data: Float32Array }> {
  const { target } = batch.dataset;
  const columns = await Promise.all(target.map((column) => valuesOf(batch, column)));
  let data: Float32Array | undefined;
  let found = width;
  for (let position = 0; position < batch.size; position++) {
    const row = columns.flatMap((read, index) => {
      const column = target[index] ?? "";
      const value = read(position);
      const list = toList(value) ?? [value];
      return list.map((item) => toValue(batch, position, column, item));
    });
    found ??= row.length;
    if (row.length !== found) {
      throw batch.error(
        position,
        target[0],
        `The target has ${row.length} numbers where ${found} are expected.`,
        "Give every example as many target numbers as the model has outputs.",
      );
    }
    data ??= new Float32Array(batch.size * found);
    data.set(row, position * found);
  }
  return { width: found ?? 0, data: data ?? new Float32Array(0) };
}

const numberAt: ReadNumber = (batch, position, column, value) => {
  const number = toNumber(value);
  if (number === undefined || !Number.isFinite(Math.fround(number))) {
    throw batch.error(
      position,
      column,
      isMissing(value)
        ? "The target is missing."
        : `The target ${JSON.stringify(fieldText(value, 80))} is not a finite number.`,
      "Give every example a finite number as its target.",
    );
  }
  return number;
};

const flagAt: ReadNumber = (batch, position, column, value) => {
  if (!isFlag(value)) {
    throw batch.error(
      position,
      column,
      isMissing(value)
        ? "The target is missing."
        : `The target ${JSON.stringify(fieldText(value, 80))} is neither 0 nor 1.`,
      "Write 1 where the label applies, else 0.",
    );
  }
  return toNumber(value) ?? 0;
};

function isFlag(value: FieldValue | undefined): boolean {
  const number = toNumber(value);
  return number === 0 || number === 1;
}

function isMissing(value: FieldValue | undefined): boolean {
  return value === undefined || value === null || value === "";
}

/** The labels of a multi-label example: a list, or a single 0 or 1. */
function listOf(
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
): readonly FieldValue[] {
  const list = toList(value);
  if (list) {
    return list;
  }
  if (isMissing(value) || value === undefined || !isFlag(value)) {
    throw batch.error(
      position,
      column,
      isMissing(value)
        ? "The target is missing."
        : `The target ${JSON.stringify(fieldText(value, 80))} is neither a list of labels nor 0 or 1.`,
      'Write the labels as ["first", "second"]; an empty list is [].',
    );
  }
  return [value];
}

function labelOf(
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
): string {
  const name = toName(value);
  if (name === undefined || name === "NaN") {
    throw batch.error(
      position,
      column,
      isMissing(value) ? "The label is missing." : `${fieldText(value, 80)} is no label.`,
      "Give every example a label.",
    );
  }
  return name;
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

function onlyTarget(dataset: Dataset): string {
  const [column] = dataset.target;
  if (column === undefined || dataset.target.length > 1) {
    throw new TracInError(
      "config",
      `The dataset "${dataset.name}" has ${dataset.target.length} target columns (${listNames(dataset.target)}) where one is expected.`,
      { file: "tracin.json" },
      "Name the one column that holds the label.",
    );
  }
  return column;
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
