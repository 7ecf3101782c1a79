import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { int64, type Shape, sizeOf, type Tensor } from "../../graph/tensor.ts";
import { listNames } from "../data-error.ts";
import type { Dataset, FieldValue } from "../dataset.ts";
import { fieldText, toList, toName, toNumber } from "../field.ts";
import type { Batch } from "./batch.ts";

/** The one target column; throws kind `config` when there are several. */
export function onlyTarget(dataset: Dataset): string {
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

/** Values of a target column; a NumPy field has one number for each example. */
export async function valuesOf(
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
export async function numbersOf(
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
        `The target has ${counted(row.length, "number")} where ${found} are expected.`,
        "Give every example as many target numbers as the model has outputs.",
      );
    }
    data ??= new Float32Array(batch.size * found);
    data.set(row, position * found);
  }
  return { width: found ?? 0, data: data ?? new Float32Array(0) };
}

/** A finite number as a target. */
export const numberAt: ReadNumber = (batch, position, column, value) => {
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

/** 0 or 1 as a target. */
export const flagAt: ReadNumber = (batch, position, column, value) => {
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

/** 1, or 0 or -1 for off, as hinge losses are written with. */
export const signAt: ReadNumber = (batch, position, column, value) =>
  toNumber(value) === -1 ? 0 : flagAt(batch, position, column, value);

/** True for 0, 1, true and false, as text too. */
export function isFlag(value: FieldValue | undefined): boolean {
  const number = toNumber(value);
  return number === 0 || number === 1;
}

function isMissing(value: FieldValue | undefined): boolean {
  return value === undefined || value === null || value === "";
}

/** True for -1 too. */
export function isSign(value: FieldValue | undefined): boolean {
  return isFlag(value) || toNumber(value) === -1;
}

/** The labels of a multi-label example: a list, or a single 0 or 1 (or what else counts as on or off). */
export function listOf(
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
  isOnOrOff = isFlag,
): readonly FieldValue[] {
  const list = toList(value);
  if (list) {
    return list;
  }
  if (isMissing(value) || value === undefined || !isOnOrOff(value)) {
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

/** The name of a label; throws when it is missing. */
export function labelOf(
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

/**
 * Numbers of all target columns, `shape` of them for each example. An array is taken as it lies, and checked.
 * Throws kind `data` for what is no finite number.
 */
export async function numberRows(batch: Batch, shape: Shape): Promise<Float32Array> {
  const [column, ...others] = batch.dataset.target;
  const width = sizeOf(shape);
  if (batch.dataset.kind !== "arrays" || column === undefined || others.length > 0) {
    return (await numbersOf(batch, width, numberAt)).data;
  }
  const { row, data } = await batch.array(column);
  if (sizeOf(row) !== width) {
    throw batch.error(
      0,
      column,
      `The target has the shape [${row.join(", ")}], others have [${shape.join(", ")}].`,
      "All datasets need targets of one shape.",
    );
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong !== -1) {
    throw batch.error(
      Math.floor(wrong / width),
      column,
      `The target holds ${data[wrong]} at position ${wrong % width}.`,
      "Give every example finite numbers as its target.",
    );
  }
  return data;
}

/** Class indices of one-hot rows. Throws kind `data` for a row that has not exactly one 1. */
export function fromOneHot(batch: Batch, width: number, rows: Float32Array): Tensor {
  const indices = Array.from({ length: batch.size }, (_, position) => {
    const row = rows.subarray(position * width, (position + 1) * width);
    const index = row.indexOf(1);
    if (index === -1 || row.indexOf(1, index + 1) !== -1) {
      throw batch.error(
        position,
        batch.dataset.target[0],
        `The target has ${row.filter((flag) => flag === 1).length} labels that are on, where one is expected.`,
        'Examples with several labels take the loss "sigmoid-cross-entropy".',
      );
    }
    return index;
  });
  return int64([batch.size], indices);
}
