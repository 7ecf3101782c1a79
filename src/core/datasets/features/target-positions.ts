import * as z from "zod";
import { counted } from "../../counted.ts";
import { float32, sizeOf } from "../../graph/tensor.ts";
import type { FieldValue } from "../dataset.ts";
import { fieldText, toList } from "../field.ts";
import type { Batch } from "./batch.ts";
import type { FeatureValues } from "./feature.ts";
import { LabelPlaces } from "./label-places.ts";
import { type ClassTable, classTable, maskClasses, noClass, notCounted } from "./target-masks.ts";
import { onlyTarget, valuesOf } from "./target-values.ts";
import type { EncodedFeatures, EncodedTargets } from "./targets.ts";

/** A class at each position of an example. */
export const positionsState = z.strictObject({
  kind: z.literal("positions"),
  from: z.discriminatedUnion("kind", [
    /** A list of labels; of the tokens of an input, or of the same length in all examples. */
    z.strictObject({ kind: z.literal("list"), of: z.string().optional() }),
    /** A NumPy field. */
    z.strictObject({ kind: z.literal("array") }),
    /** A PNG file. */
    z.strictObject({ kind: z.literal("mask"), values: z.array(z.int()).optional() }),
    /** The tokens of an input. */
    z.strictObject({ kind: z.literal("tokens"), of: z.string() }),
  ]),
  shape: z.array(z.int().positive()),
  /** On or off at each position, instead of one of several classes. */
  binary: z.boolean(),
  labels: z.array(z.string()).optional(),
  /** Number of classes, where known. */
  classes: z.int().positive().optional(),
  /** Label of positions that do not count. */
  ignore: z.int(),
  /** Position t has the label of position t + 1. */
  shift: z.boolean(),
});

export type PositionsState = z.infer<typeof positionsState>;

/**
 * Classes of all positions: int32 with -1 where one does not count, or for binary targets float32 with a mask.
 * Throws kind `data` naming file, line and position for a label that is unknown or out of range.
 */
export async function encodePositions(
  state: PositionsState,
  batch: Batch,
  features: EncodedFeatures,
): Promise<EncodedTargets> {
  const found = await classesOf(state, batch, features);
  const classes = state.shift ? shifted(found, state.shape) : found;
  const shape = [batch.size, ...state.shape];
  if (!state.binary) {
    return { targets: { dtype: "int32", shape, data: classes } };
  }
  return {
    targets: float32(
      shape,
      classes.map((label) => Math.max(label, 0)),
    ),
    mask: float32(
      shape,
      classes.map((label) => Number(label >= 0)),
    ),
  };
}

async function classesOf(
  state: PositionsState,
  batch: Batch,
  features: EncodedFeatures,
): Promise<Int32Array> {
  const { from } = state;
  switch (from.kind) {
    case "list":
      return listClasses(state, from.of, batch, features);
    case "tokens":
      return tokenClasses(state, batch, from.of, features.values.get(from.of));
    case "array":
      return arrayClasses(state, batch);
    case "mask":
      return maskBatch(state, from.values, batch);
  }
}

async function listClasses(
  state: PositionsState,
  of: string | undefined,
  batch: Batch,
  features: EncodedFeatures,
): Promise<Int32Array> {
  const column = onlyTarget(batch.dataset);
  const length = state.shape[0] ?? 0;
  const classes = new Int32Array(batch.size * length).fill(notCounted);
  const places = new LabelPlaces(state.labels ?? [], String(state.ignore));
  const put = (position: number, place: number, value: FieldValue, index: number) => {
    const label = state.binary && typeof value === "boolean" ? Number(value) : value;
    classes[place] = places.of(batch, position, column, label, `at position ${index}`);
  };
  if (of !== undefined) {
    await alongTokens(batch, features.values.get(of), of, put);
    return classes;
  }
  const read = await valuesOf(batch, column);
  for (let position = 0; position < batch.size; position++) {
    const list = labelList(batch, position, column, read(position));
    if (list.length !== length) {
      throw batch.error(
        position,
        column,
        `The target has ${counted(list.length, "label")} where ${length} are expected.`,
        "Give every example as many labels as the model has positions.",
      );
    }
    list.forEach((value, index) => {
      put(position, position * length + index, value, index);
    });
  }
  return classes;
}

/** A list of labels, one for each position. Throws kind `data` when the value is none. */
export function labelList(
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
): readonly FieldValue[] {
  const list = toList(value);
  if (list === undefined) {
    throw batch.error(
      position,
      column,
      value === undefined || value === null || value === ""
        ? "The target is missing."
        : `The target ${JSON.stringify(fieldText(value, 80))} is no list.`,
      'Write one label for each position, such as ["O", "B-PER", "O"].',
    );
  }
  return list;
}

/**
 * Visits the entries of each example's list that belong to a token, in order: entries are as many as tokens, and are
 * padded and cut with them.
 *
 * @param visit with the position in the batch, the place of the token in [size, length], the entry and its number
 * @throws kind `data` when a list has another length than its tokens
 */
export async function alongTokens(
  batch: Batch,
  tokens: FeatureValues | undefined,
  of: string,
  visit: (position: number, place: number, value: FieldValue, index: number) => void,
): Promise<void> {
  const column = onlyTarget(batch.dataset);
  const read = await valuesOf(batch, column);
  const mask = tokens?.mask ?? new Uint8Array();
  const length = mask.length / Math.max(1, batch.size);
  for (let position = 0; position < batch.size; position++) {
    const list = labelList(batch, position, column, read(position));
    const expected = tokens?.lengths?.[position] ?? 0;
    if (list.length !== expected) {
      throw batch.error(
        position,
        column,
        `The target has ${counted(list.length, "entry", "entries")} for the ${counted(expected, "token")} of "${of}".`,
        "Give every token its own entry, special tokens too; those that do not count take the ignoreIndex of the loss (-100 unless told).",
      );
    }
    let index = 0;
    for (let place = position * length; place < (position + 1) * length; place++) {
      const value = list[index];
      if (mask[place] === 1 && value !== undefined) {
        visit(position, place, value, index);
        index++;
      }
    }
  }
}

function tokenClasses(
  state: PositionsState,
  batch: Batch,
  of: string,
  tokens: FeatureValues | undefined,
): Int32Array {
  const mask = tokens?.mask ?? new Uint8Array();
  const length = state.shape[0] ?? 0;
  const classes = Int32Array.from(tokens?.values ?? [], (id, place) =>
    mask[place] === 1 ? id : notCounted,
  );
  const most = state.classes;
  const wrong = most === undefined ? -1 : classes.findIndex((id) => id >= most);
  if (wrong !== -1) {
    throw batch.error(
      Math.floor(wrong / length),
      undefined,
      `The token ${classes[wrong]} at position ${wrong % length} of "${of}" is none of the model's ${most} classes.`,
      "Use the tokenizer of the model.",
    );
  }
  return classes;
}

async function arrayClasses(state: PositionsState, batch: Batch): Promise<Int32Array> {
  const column = onlyTarget(batch.dataset);
  const { row, data } = await batch.array(column);
  if (sizeOf(row) !== sizeOf(state.shape)) {
    throw batch.error(
      0,
      column,
      `The target has the shape [${row.join(", ")}], others have [${state.shape.join(", ")}].`,
      "All datasets need targets of one shape.",
    );
  }
  const table = tableOf(state);
  const size = sizeOf(state.shape);
  const classes = new Int32Array(data.length);
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number;
    const found = table.of(value);
    if (found === noClass) {
      throw table.error(batch, Math.floor(index / size), column, value, index % size, state.shape);
    }
    classes[index] = found;
  }
  return classes;
}

async function maskBatch(
  state: PositionsState,
  values: readonly number[] | undefined,
  batch: Batch,
): Promise<Int32Array> {
  const table = tableOf(state, values);
  const size = sizeOf(state.shape);
  const classes = new Int32Array(batch.size * size);
  for (let position = 0; position < batch.size; position++) {
    classes.set(await maskClasses(batch, position, state.shape, table), position * size);
  }
  return classes;
}

function tableOf(state: PositionsState, values?: readonly number[]): ClassTable {
  const { binary, classes, ignore } = state;
  return classTable({ binary, classes, ignore, values });
}

/** Position t takes the class of position t + 1; the last one does not count. */
function shifted(classes: Int32Array, shape: readonly number[]): Int32Array {
  const length = shape.at(-1) ?? 1;
  return classes.map((_, place) =>
    (place + 1) % length === 0 ? notCounted : (classes[place + 1] as number),
  );
}
