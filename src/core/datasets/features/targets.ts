import * as z from "zod";
import { float32, type Shape, type Tensor } from "../../graph/tensor.ts";
import type { Reading } from "../target-form.ts";
import type { Batch } from "./batch.ts";
import type { FeatureValues } from "./feature.ts";
import { LabelPlaces } from "./label-places.ts";
import { alongTokens, encodePositions, positionsState } from "./target-positions.ts";
import {
  flagAt,
  fromOneHot,
  listOf,
  numberAt,
  numberRows,
  numbersOf,
  onlyTarget,
  signAt,
  valuesOf,
} from "./target-values.ts";

/** What was learnt about targets. */
export const targetState = z.discriminatedUnion("kind", [
  /** One label: its position in `labels`. */
  z.strictObject({
    kind: z.literal("class"),
    labels: z.array(z.string()),
    /** Name of the label of examples that do not count. */
    ignore: z.string().optional(),
  }),
  /** One label, written as a 1 among zeros. */
  z.strictObject({ kind: z.literal("oneHot"), labels: z.array(z.string()) }),
  /** A list of label names: 1 at each. */
  z.strictObject({ kind: z.literal("labelList"), labels: z.array(z.string()) }),
  /** Numbers of 0 and 1, one for each label. */
  z.strictObject({
    kind: z.literal("flags"),
    labels: z.array(z.string()),
    /** Whether -1 stands for off as well. */
    signed: z.boolean().optional(),
  }),
  /** A class at each position. */
  positionsState,
  /** Numbers to be predicted. */
  z.strictObject({
    kind: z.literal("numbers"),
    shape: z.array(z.int().positive()),
    /** Token input that a list of numbers belongs to. */
    of: z.string().optional(),
  }),
  /** The values of a model input. */
  z.strictObject({
    kind: z.literal("input"),
    of: z.string(),
    /** Whether they must lie from 0 to 1. */
    bounded: z.boolean(),
  }),
  /** Only shown: the model computes the loss from its inputs. */
  z.strictObject({ kind: z.literal("text") }),
]);

export type TargetState = z.infer<typeof targetState>;

/** Targets of a batch; see `EncodedBatch`. */
export interface EncodedTargets {
  readonly targets: Tensor;
  readonly mask?: Tensor;
}

/** What the features of the batch give to its targets. */
export interface EncodedFeatures {
  /** Values as the feature makes them, by input. */
  readonly values: ReadonlyMap<string, FeatureValues>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** More numbers than this are not shown one by one. */
const mostValues = 16;

/** What is known of the prediction of an example with such a target. */
export function readingOfTarget(state: TargetState): Reading {
  switch (state.kind) {
    case "class":
    case "oneHot":
    case "labelList":
    case "flags":
      return "probabilities";
    case "positions":
      return "positions";
    case "numbers": {
      const count = state.shape.reduce((product, size) => product * size, 1);
      return state.of === undefined && count <= mostValues ? "values" : "outputs";
    }
    case "input":
      return "outputs";
    case "text":
      return "none";
  }
}

/** Label names by class index, where the classes have names. */
export function labelsOfTarget(state: TargetState): readonly string[] | undefined {
  return "labels" in state ? state.labels : undefined;
}

/** Shape of one example's target as a model input takes it; [] for one label. */
export function shapeOfTarget(state: TargetState): Shape | undefined {
  switch (state.kind) {
    case "class":
    case "oneHot":
      return [];
    case "labelList":
    case "flags":
      return [state.labels.length];
    case "positions":
    case "numbers":
      return state.shape;
    case "input":
    case "text":
      return undefined;
  }
}

/** Targets as a model input takes them: what does not count has its own label, as in the data. */
export function asInput(state: TargetState, targets: Tensor): FeatureValues["values"] {
  if (targets.data instanceof Float32Array) {
    return targets.data;
  }
  const ignore = state.kind === "positions" ? state.ignore : "ignore" in state ? state.ignore : -1;
  return Int32Array.from(targets.data, (label: number | bigint) =>
    label < 0 ? Number(ignore) : Number(label),
  );
}

/** Encodes the targets of a batch, after its features. Throws kind `data` naming file, line and position. */
export async function encodeTargets(
  state: TargetState,
  batch: Batch,
  features: EncodedFeatures,
): Promise<EncodedTargets> {
  switch (state.kind) {
    case "class":
      return { targets: await encodeClasses(new LabelPlaces(state.labels, state.ignore), batch) };
    case "oneHot": {
      const { data } = await numbersOf(batch, state.labels.length, flagAt);
      return { targets: fromOneHot(batch, state.labels.length, data) };
    }
    case "labelList":
      return { targets: await encodeLists(state.labels, batch) };
    case "flags": {
      const width = state.labels.length;
      const { data } = await numbersOf(batch, width, state.signed ? signAt : flagAt);
      return { targets: float32([batch.size, width], data) };
    }
    case "positions":
      return encodePositions(state, batch, features);
    case "numbers":
      return encodeNumbers(state, batch, features);
    case "input":
      return { targets: inputAsTarget(state, batch, features.inputs.get(state.of)) };
    case "text":
      return { targets: float32([batch.size, 0], new Float32Array(0)) };
  }
}

async function encodeClasses(places: LabelPlaces, batch: Batch): Promise<Tensor> {
  const column = onlyTarget(batch.dataset);
  const data = new BigInt64Array(batch.size);
  const read = await valuesOf(batch, column);
  for (let position = 0; position < batch.size; position++) {
    data[position] = BigInt(places.of(batch, position, column, read(position)));
  }
  return { dtype: "int64", shape: [batch.size], data };
}

async function encodeLists(labels: readonly string[], batch: Batch): Promise<Tensor> {
  const column = onlyTarget(batch.dataset);
  const places = new LabelPlaces(labels);
  const data = new Float32Array(batch.size * labels.length);
  const read = await valuesOf(batch, column);
  for (let position = 0; position < batch.size; position++) {
    for (const item of listOf(batch, position, column, read(position))) {
      const place = places.of(batch, position, column, item);
      data[position * labels.length + place] = 1;
    }
  }
  return float32([batch.size, labels.length], data);
}

async function encodeNumbers(
  { shape, of }: Extract<TargetState, { kind: "numbers" }>,
  batch: Batch,
  features: EncodedFeatures,
): Promise<EncodedTargets> {
  if (of === undefined) {
    const data = await numberRows(batch, shape);
    return { targets: float32([batch.size, ...shape], data) };
  }
  const column = onlyTarget(batch.dataset);
  const data = new Float32Array(batch.size * (shape[0] ?? 0));
  const mask = new Float32Array(data.length);
  await alongTokens(batch, features.values.get(of), of, (position, place, value) => {
    data[place] = numberAt(batch, position, column, value);
    mask[place] = 1;
  });
  return {
    targets: float32([batch.size, ...shape], data),
    mask: float32([batch.size, ...shape], mask),
  };
}

function inputAsTarget(
  { of, bounded }: Extract<TargetState, { kind: "input" }>,
  batch: Batch,
  input: Tensor | undefined,
): Tensor {
  const data = Float32Array.from(input?.data ?? [], Number);
  const wrong = bounded ? data.findIndex((value) => !(value >= 0 && value <= 1)) : -1;
  if (wrong !== -1) {
    throw batch.error(
      Math.floor((wrong * batch.size) / data.length),
      undefined,
      `The input "${of}" holds ${data[wrong]}, but a sigmoid cross-entropy takes targets from 0 to 1.`,
      `Scale the feature as the training did, or use the loss that it used.`,
    );
  }
  return float32(input?.shape ?? [batch.size, 0], data);
}
