import { TracInError } from "../../errors.ts";
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
        `The target has ${row.length} numbers where ${found} are expected.`,
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

/** True for 0, 1, true and false, as text too. */
export function isFlag(value: FieldValue | undefined): boolean {
  const number = toNumber(value);
  return number === 0 || number === 1;
}

function isMissing(value: FieldValue | undefined): boolean {
  return value === undefined || value === null || value === "";
}

/** The labels of a multi-label example: a list, or a single 0 or 1. */
export function listOf(
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
