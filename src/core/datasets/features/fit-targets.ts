import { classesOf, type OpenShape } from "../../config/class-axis.ts";
import { lossFamily } from "../../config/loss-schema.ts";
import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { listNames } from "../data-error.ts";
import type { Dataset } from "../dataset.ts";
import { Batch } from "./batch.ts";
import type { Fit } from "./feature.ts";
import { fitPositions } from "./fit-positions.ts";
import { distinct, sortNames } from "./names.ts";
import {
  addLabel,
  checkOutputs,
  classNames,
  type FittedFeatures,
  fileLabels,
  outputsError,
  type TargetFamily,
  type TargetOptions,
} from "./target-options.ts";
import {
  isFlag,
  isSign,
  listOf,
  numberAt,
  numbersOf,
  onlyTarget,
  valuesOf,
} from "./target-values.ts";
import type { TargetState } from "./targets.ts";

/**
 * Learns labels and sizes from the training data.
 * @throws kind `config` when they do not fit the model's outputs or the loss
 */
export async function fitTargets(
  train: Dataset,
  options: TargetOptions,
  features: FittedFeatures,
): Promise<Fit<TargetState>> {
  if (options.labels && (options.labels.length === 0 || !distinct(options.labels))) {
    throw new TracInError(
      "config",
      "labels is empty or names a label twice.",
      { file: "tracin.json" },
      "Name each label once, in the order of the model's outputs.",
    );
  }
  const family = familyOf(options);
  if (family === "none") {
    return { finish: () => ({ kind: "text" }) };
  }
  const { target } = options;
  if (typeof target === "object" && !Array.isArray(target) && "input" in target) {
    return fitInput(target.input, family, options);
  }
  const positions = await fitPositions(train, family, options, features);
  if (positions !== undefined) {
    return positions;
  }
  if (options.loss.shift) {
    throw new TracInError(
      "config",
      '"shift" in loss is for a label at each position, but the target is one label.',
      { file: "tracin.json" },
      'Give "target" the tokens or a list, or remove "shift".',
    );
  }
  if (train.target.length === 0) {
    throw new TracInError(
      "config",
      `The dataset "${train.name}" has no "target".`,
      { file: "tracin.json" },
      "Name the column that holds the target.",
    );
  }
  switch (family) {
    case "classes":
      return fitClass(train, options);
    case "binary":
      return fitSigmoid(train, options);
    case "numbers":
      return fitNumbers(train, options);
  }
}

/** Where the model computes its loss, the input that takes the target tells what it is. */
function familyOf({ loss, features, inputs }: TargetOptions): TargetFamily {
  const family = lossFamily(loss.type);
  if (family !== "own") {
    return family;
  }
  const input = inputs.find(({ name }) => "target" in (features[name] ?? {}));
  const isFloat = input?.dtype === "float32" || input?.dtype === "float64";
  return input === undefined ? "none" : isFloat ? "numbers" : "classes";
}

function fitInput(
  of: string,
  family: TargetFamily,
  { loss, features }: TargetOptions,
): Fit<TargetState> {
  const names = Object.keys(features);
  if (!names.includes(of) || family === "classes") {
    throw new TracInError(
      "config",
      family === "classes"
        ? `The target is the input "${of}", which holds no classes for the loss "${loss.type}".`
        : `The target is the input "${of}", but the inputs are ${listNames(names)}.`,
      { file: "tracin.json" },
      family === "classes"
        ? 'For the tokens of an input, write "target": { "tokensOf": ... }.'
        : "Name an input of the model.",
    );
  }
  return { finish: () => ({ kind: "input", of, bounded: family === "binary" }) };
}

async function fitClass(train: Dataset, options: TargetOptions): Promise<Fit<TargetState>> {
  const outputs = classesOf(options.loss, options.output, []);
  if (train.target.length > 1 || (await isOneHot(train))) {
    const numbered = async () =>
      Array.from({ length: (await firstNumbers(train)).width }, (_, index) => String(index));
    const labels = options.labels ?? (train.target.length > 1 ? train.target : await numbered());
    return { finish: () => ({ kind: "oneHot", labels: checkOutputs(train, labels, outputs) }) };
  }
  const column = onlyTarget(train);
  const given = options.labels ?? fileLabels(train, column, outputs);
  const { ignoreIndex } = options.loss;
  const name = ignoreIndex === undefined ? undefined : String(ignoreIndex);
  const ignore = name === undefined ? {} : { ignore: name };
  if (given) {
    return {
      finish: () => ({ kind: "class", labels: checkOutputs(train, given, outputs), ...ignore }),
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
      labels: checkOutputs(train, classNames(seen, outputs, name), outputs),
      ...ignore,
    }),
  };
}

/** An array with a row of numbers for each example. */
async function isOneHot(train: Dataset): Promise<boolean> {
  const [column = ""] = train.target;
  return train.kind === "arrays" && sizeOf((await Batch.range(train, 0, 1).array(column)).row) > 1;
}

function firstNumbers(train: Dataset) {
  return numbersOf(Batch.range(train, 0, 1), undefined, numberAt);
}

function fitSigmoid(train: Dataset, options: TargetOptions): Fit<TargetState> {
  const outputs = widthOf(options.output);
  const isSigned = options.loss.type === "hinge" || options.loss.type === "squared-hinge";
  const isOnOrOff = isSigned ? isSign : isFlag;
  const signed = isSigned ? { signed: true } : {};
  if (train.target.length > 1) {
    const labels = checkOutputs(train, options.labels ?? train.target, outputs);
    if (labels.length !== train.target.length) {
      throw new TracInError(
        "config",
        `"labels" names ${counted(labels.length, "label")} for ${counted(train.target.length, "target column")}.`,
        { file: "tracin.json" },
        "Name one label for each target column, in the same order.",
      );
    }
    return { finish: () => ({ kind: "flags", labels, ...signed }) };
  }
  const column = onlyTarget(train);
  const names = new Set<string>();
  const widths = new Set<number>();
  let onlyFlags = true;
  return {
    observe: async (batch) => {
      const read = await valuesOf(batch, column);
      for (let position = 0; position < batch.size; position++) {
        const list = listOf(batch, position, column, read(position), isOnOrOff);
        widths.add(list.length);
        for (const item of list) {
          onlyFlags &&= isOnOrOff(item);
          addLabel(batch, position, column, names, item);
        }
      }
    },
    finish: () => {
      const [width] = widths;
      const expected = options.labels?.length ?? outputs ?? width;
      if (onlyFlags && widths.size === 1 && width !== undefined && width === expected) {
        const numbered = Array.from({ length: width }, (_, index) => String(index));
        const labels = options.labels ?? (width === 1 ? [column] : numbered);
        return { kind: "flags", labels: checkOutputs(train, labels, outputs), ...signed };
      }
      const labels = options.labels ?? fileLabels(train, column, outputs) ?? sortNames(names);
      return { kind: "labelList", labels: checkOutputs(train, labels, outputs) };
    },
  };
}

async function fitNumbers(train: Dataset, options: TargetOptions): Promise<Fit<TargetState>> {
  const [column = ""] = train.target;
  const isArray = train.kind === "arrays" && train.target.length === 1;
  const first = Batch.range(train, 0, 1);
  const shape = isArray ? (await first.array(column)).row : [(await firstNumbers(train)).width];
  const outputs = widthOf(options.output);
  const width = sizeOf(shape);
  return {
    finish: () => {
      if (width === 0 || (outputs ?? width) !== width) {
        throw outputsError(train, counted(width, "target number"), outputs);
      }
      return { kind: "numbers", shape: shape.length === 0 ? [1] : [...shape] };
    },
  };
}

/** Numbers of one example in an output; undefined where the model leaves a size open. */
function widthOf(output: OpenShape | undefined): number | undefined {
  const sizes = (output ?? []).slice(1);
  const known = sizes.filter((size) => typeof size === "number");
  return output === undefined || output.length < 2 || known.length < sizes.length
    ? undefined
    : sizeOf(known);
}
