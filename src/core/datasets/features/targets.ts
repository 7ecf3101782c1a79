import * as z from "zod";
import { float32, type Tensor } from "../../graph/tensor.ts";
import type { FieldValue } from "../dataset.ts";
import { type Batch, known } from "./batch.ts";
import { isIndex } from "./names.ts";
import {
  flagAt,
  labelOf,
  listOf,
  numberAt,
  numbersOf,
  onlyTarget,
  valuesOf,
} from "./target-values.ts";

/** What was learnt about targets. */
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
