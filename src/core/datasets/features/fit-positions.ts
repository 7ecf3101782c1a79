import { classAxes, classesOf, type OpenShape } from "../../config/class-axis.ts";
import { type MaskTarget, maskTarget } from "../../config/mask-target.ts";
import { TracInError } from "../../errors.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import { listNames } from "../data-error.ts";
import type { Dataset } from "../dataset.ts";
import { Batch } from "./batch.ts";
import type { Fit } from "./feature.ts";
import { classTable, maskClasses } from "./target-masks.ts";
import {
  addLabel,
  checkOutputs,
  classNames,
  type FittedFeatures,
  fileLabels,
  holdsLists,
  type TargetFamily,
  type TargetOptions,
} from "./target-options.ts";
import { labelList, type PositionsState } from "./target-positions.ts";
import { valuesOf } from "./target-values.ts";
import type { TargetState } from "./targets.ts";

/** Elements that are looked at together. */
const elementsAtOnce = 1 << 20;

/**
 * Learns targets that have a label (or a number) at each position: lists, masks, arrays, tokens.
 * @returns undefined when the target is none of these
 */
export async function fitPositions(
  train: Dataset,
  family: TargetFamily,
  options: TargetOptions,
  features: FittedFeatures,
): Promise<Fit<TargetState> | undefined> {
  const { target } = options;
  const place = typeof target === "object" && !Array.isArray(target) ? target : undefined;
  if (place !== undefined && "tokensOf" in place) {
    return fitTokens(place.tokensOf, family, options, features);
  }
  if (place !== undefined && "perToken" in place) {
    const of = tokenInput(place.of, options);
    return family === "numbers"
      ? { finish: () => ({ kind: "numbers", shape: [...shapeOf(of, features)], of }) }
      : fitList(train, of, shapeOf(of, features), family, options);
  }
  const masks = maskTarget(target);
  if (masks !== undefined) {
    return fitMask(masks, family, options, features);
  }
  if (family === "classes" && (await holdsLists(train))) {
    const of = onlyTokenInput(options);
    const shape = of === undefined ? await firstLength(train) : shapeOf(of, features);
    return fitList(train, of, shape, family, options);
  }
  return fitArray(train, family, options);
}

function positions(
  options: TargetOptions,
  family: TargetFamily,
  rest: Pick<PositionsState, "from" | "shape"> & {
    readonly labels?: string[] | undefined;
    readonly classes?: number | undefined;
  },
): PositionsState {
  const { labels, classes, ...known } = rest;
  const { ignoreIndex = -100, shift = false } = options.loss;
  if (shift && known.shape.length !== 1) {
    throw new TracInError(
      "config",
      `"shift" in loss is for sequences, but an example has targets of the shape [${known.shape.join(", ")}].`,
      { file: "tracin.json" },
      'Remove "shift".',
    );
  }
  return {
    kind: "positions",
    ...known,
    shape: [...known.shape],
    binary: family === "binary",
    ignore: ignoreIndex,
    shift,
    ...(labels === undefined ? {} : { labels }),
    ...(classes === undefined ? {} : { classes }),
  };
}

/** Number of classes that the model has; on or off has two. */
function classCount(
  family: TargetFamily,
  options: TargetOptions,
  shape: Shape,
): number | undefined {
  return family === "binary" ? 2 : classesOf(options.loss, options.output, shape);
}

function fitTokens(
  of: string,
  family: TargetFamily,
  options: TargetOptions,
  features: FittedFeatures,
): Fit<TargetState> {
  if (family !== "classes") {
    throw new TracInError(
      "config",
      `Tokens are classes, which the loss "${options.loss.type}" does not take.`,
      { file: "tracin.json" },
      'Use the loss "softmax-cross-entropy".',
    );
  }
  const shape = [...shapeOf(tokenInput(of, options), features)];
  const classes = classCount(family, options, shape);
  const state = positions(options, family, { from: { kind: "tokens", of }, shape, classes });
  return { finish: () => state };
}

function fitList(
  train: Dataset,
  of: string | undefined,
  shape: Shape,
  family: TargetFamily,
  options: TargetOptions,
): Fit<TargetState> {
  const classes = classCount(family, options, shape);
  const finish = (labels: readonly string[]): PositionsState =>
    positions(options, family, {
      from: { kind: "list", ...(of === undefined ? {} : { of }) },
      shape: [...shape],
      labels: checkOutputs(train, labels, classes),
      classes: labels.length,
    });
  const [column = ""] = train.target;
  const known =
    options.labels ?? (family === "binary" ? ["0", "1"] : fileLabels(train, column, classes));
  if (known !== undefined) {
    return { finish: () => finish(known) };
  }
  const seen = new Set<string>();
  return {
    observe: async (batch) => {
      const read = await valuesOf(batch, column);
      for (let position = 0; position < batch.size; position++) {
        for (const value of labelList(batch, position, column, read(position))) {
          addLabel(batch, position, column, seen, value);
        }
      }
    },
    finish: () => finish(classNames(seen, classes, String(options.loss.ignoreIndex))),
  };
}

/** An array is a target at each position where one example has several, and it is no row of labels or numbers. */
async function fitArray(
  train: Dataset,
  family: TargetFamily,
  options: TargetOptions,
): Promise<Fit<TargetState> | undefined> {
  const [column, ...others] = train.target;
  if (train.kind !== "arrays" || column === undefined || others.length > 0) {
    return undefined;
  }
  const { row } = await Batch.range(train, 0, 1).array(column);
  const shape = row.filter((size) => size !== 1);
  const isPositions =
    family === "classes"
      ? fitsClasses(options.output, shape)
      : family === "binary" && (options.output?.length ?? 0) > 2;
  if (!isPositions || sizeOf(row) < 2) {
    return undefined;
  }
  const from = { kind: "array" } as const;
  const observed = { from, shape: family === "classes" ? shape : [...row] };
  return fitNumbered(family, options, observed, async (batch, see) => {
    for (const value of (await batch.array(column)).data) {
      see(value);
    }
  });
}

/** Whether an output can hold the classes of such positions; one that is not known holds those of several. */
function fitsClasses(output: OpenShape | undefined, shape: Shape): boolean {
  return output === undefined || output.length === 0
    ? shape.length > 1
    : classAxes(output, shape).length > 0;
}

function fitMask(
  config: MaskTarget,
  family: TargetFamily,
  options: TargetOptions,
  features: FittedFeatures,
): Fit<TargetState> {
  if (family === "numbers") {
    throw new TracInError(
      "config",
      `Masks hold classes, which the loss "${options.loss.type}" does not take.`,
      { file: "tracin.json" },
      'Use a loss of classes or of what is on or off, such as "softmax-cross-entropy" or "sigmoid-cross-entropy".',
    );
  }
  const { values } = config;
  const shape = config.size ?? imageSize(options, features);
  if (values !== undefined && new Set(values).size < values.length) {
    throw new TracInError("config", '"values" of the mask names a value twice.', {
      file: "tracin.json",
    });
  }
  const from = { kind: "mask", ...(values === undefined ? {} : { values }) } as const;
  const known = values === undefined ? {} : { classes: values.length };
  const table = classTable({ binary: false, classes: undefined, ignore: -1, values: undefined });
  return fitNumbered(family, options, { from, shape: [...shape], ...known }, async (batch, see) => {
    for (let position = 0; position < batch.size; position++) {
      for (const value of await maskClasses(batch, position, shape, table)) {
        see(value);
      }
    }
  });
}

/** Classes that are stored as numbers: as many as labels, as the model has, or as the data show. */
function fitNumbered(
  family: TargetFamily,
  options: TargetOptions,
  known: Pick<PositionsState, "from" | "shape"> & { readonly classes?: number },
  visit: (batch: Batch, see: (value: number) => void) => Promise<void>,
): Fit<TargetState> {
  const ofModel = classCount(family, options, known.shape);
  const told = options.labels?.length ?? known.classes ?? ofModel;
  if (told !== undefined && (ofModel ?? told) !== told) {
    throw new TracInError(
      "config",
      `The model has ${ofModel} classes, but there are ${told} ${options.labels === undefined ? "values of masks" : `labels (${listNames(options.labels)})`}.`,
      { file: "tracin.json" },
      "Name them all, in the order of the model's outputs.",
    );
  }
  const finish = (classes: number): PositionsState =>
    positions(options, family, { ...known, labels: options.labels?.slice(), classes });
  if (told !== undefined) {
    return { finish: () => finish(told) };
  }
  let most = 0;
  const atOnce = Math.max(1, Math.floor(elementsAtOnce / sizeOf(known.shape)));
  const { ignoreIndex } = options.loss;
  return {
    observe: async (batch) => {
      for (let start = 0; start < batch.size; start += atOnce) {
        const part = Batch.at(batch.dataset, batch.indices.slice(start, start + atOnce));
        await visit(part, (value) => {
          most = value === ignoreIndex ? most : Math.max(most, value);
        });
      }
    },
    finish: () => finish(Math.floor(most) + 1),
  };
}

function shapeOf(input: string, features: FittedFeatures): Shape {
  return features.get(input)?.shape ?? [];
}

/** A token or text input by name; the only one when none is named. */
function tokenInput(name: string | undefined, options: TargetOptions): string {
  const names = tokenInputs(options);
  const found = name ?? (names.length === 1 ? names[0] : undefined);
  if (found === undefined || !names.includes(found)) {
    throw new TracInError(
      "config",
      name === undefined
        ? `The target does not say which input its tokens are of; token and text inputs are ${names.length === 0 ? "none" : listNames(names)}.`
        : `The target names "${name}", which is no token or text input.`,
      { file: "tracin.json" },
      name === undefined ? 'Add "of" to the target.' : "Name the input with the tokens.",
    );
  }
  return found;
}

function onlyTokenInput(options: TargetOptions): string | undefined {
  return tokenInputs(options).length === 0 ? undefined : tokenInput(undefined, options);
}

function tokenInputs({ features }: TargetOptions): string[] {
  return Object.entries(features).flatMap(([name, feature]) =>
    "tokens" in feature || "text" in feature ? [name] : [],
  );
}

async function firstLength(train: Dataset): Promise<Shape> {
  const batch = Batch.range(train, 0, 1);
  const [column = ""] = train.target;
  const read = await valuesOf(batch, column);
  return [labelList(batch, 0, column, read(0)).length];
}

/** Height and width of the only image input. */
function imageSize({ features }: TargetOptions, fitted: FittedFeatures): [number, number] {
  const images = Object.entries(features).flatMap(([name, feature]) =>
    "image" in feature ? [{ name, layout: feature.image.layout ?? "CHW" }] : [],
  );
  const [only, ...others] = images;
  const shape = only === undefined ? undefined : fitted.get(only.name)?.shape;
  if (only === undefined || others.length > 0 || shape === undefined) {
    throw new TracInError(
      "config",
      "The target does not say which size its masks have.",
      { file: "tracin.json" },
      'Add "size": [height, width] of the logits to the target.',
    );
  }
  const [height = 1, width = 1] = only.layout === "CHW" ? shape.slice(1) : shape;
  return [height, width];
}
