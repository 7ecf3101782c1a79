import { posix } from "node:path";
import type { ValueInfo } from "../../graph/graph.ts";
import type { Config, FeatureConfig } from "../config.ts";
import { type ColumnFacts, columnFacts } from "./columns.ts";
import type { DataCandidate } from "./datasets.ts";

/** How a dataset could feed a model. */
export interface Plan {
  readonly data: DataCandidate;
  readonly features: Config["features"];
  /** Columns that the features use, apart from those that `features` names only after the target is known. */
  readonly used: ReadonlySet<string>;
  /** For an input that takes table columns: its name and width, to be filled once the target is known. */
  readonly columnsInput?: { readonly name: string; readonly width: number | undefined };
  readonly facts: readonly ColumnFacts[];
}

const textNames =
  /^(text|sentence|review|content|body|message|mail|email|comment|document|question|tweet|title|input)s?$/i;

const tokenNames = /(^|[_-])(ids?|tokens?|inputs?)($|[_-])/i;

/** How the model's inputs can be made from a dataset; undefined where they cannot. */
export function planFeatures(
  inputs: readonly ValueInfo[],
  data: DataCandidate,
  tokenizers: readonly string[],
  modelFile: string,
): Plan | undefined {
  const facts = columnFacts(data.columns, data.examples);
  const features: Record<string, FeatureConfig> = {};
  const used = new Set<string>();
  let columnsInput: Plan["columnsInput"];
  let tokenInput: string | undefined;
  for (const input of inputs) {
    const shape = input.shape.slice(1);
    const feature =
      isMask(input) && tokenInput !== undefined
        ? { maskOf: tokenInput }
        : data.kind === "images"
          ? imageFeature(input)
          : data.kind === "arrays"
            ? arrayFeature(input, data)
            : input.dtype.includes("int")
              ? tokenFeature(shape, facts, tokenizers, modelFile)
              : undefined;
    if (feature) {
      features[input.name] = feature;
      if ("text" in feature || "tokens" in feature) {
        tokenInput = input.name;
        used.add("text" in feature ? feature.text.column : feature.tokens.column);
      }
    } else if (
      data.kind === "table" &&
      input.dtype.startsWith("float") &&
      shape.length === 1 &&
      !columnsInput
    ) {
      columnsInput = {
        name: input.name,
        width: typeof shape[0] === "number" ? shape[0] : undefined,
      };
    } else {
      return undefined;
    }
  }
  const width = columnsInput?.width;
  if (width !== undefined && !isWideEnough(facts, width)) {
    return undefined;
  }
  if (data.imageColumn !== undefined) {
    used.add(data.imageColumn);
  }
  return { data, features, used, facts, ...(columnsInput ? { columnsInput } : {}) };
}

/** True when some column can be the target and others fill the input, or there are more numbers than it takes. */
function isWideEnough(facts: readonly ColumnFacts[], width: number): boolean {
  return (
    facts.filter((fact) => fact.numeric).length > width ||
    facts.some(({ name }) => chooseColumns(facts, [name], width) !== undefined)
  );
}

function isMask(input: ValueInfo): boolean {
  return /mask/i.test(input.name);
}

function imageFeature(input: ValueInfo): FeatureConfig | undefined {
  const shape = input.shape.slice(1);
  if (!input.dtype.startsWith("float") || shape.length !== 3) {
    return undefined;
  }
  const [first, second, third] = shape;
  const channelsFirst = first === 1 || first === 3;
  const channels = channelsFirst ? first : third;
  if (channels !== 1 && channels !== 3) {
    return undefined;
  }
  const [height, width] = channelsFirst ? [second, third] : [first, second];
  return {
    image: {
      ...(typeof height === "number" && typeof width === "number"
        ? { size: [height, width] as [number, number] }
        : {}),
      channels,
      ...(channelsFirst ? {} : { layout: "HWC" as const }),
      scale: "1/255",
    },
  };
}

/** Images of 8-bit samples go through the image feature where the input has channels; numbers are taken as they lie. */
function arrayFeature(input: ValueInfo, data: DataCandidate): FeatureConfig | undefined {
  const found = data.shapes?.["x"] ?? [];
  const shape = input.shape.slice(1);
  if (data.samples) {
    const image = imageFeature(input);
    if (image !== undefined) {
      return image;
    }
  }
  const flat = found.reduce((product, size) => product * size, 1);
  const fits =
    found.length === shape.length &&
    shape.every((size, axis) => typeof size !== "number" || size === found[axis]);
  const fitsFlat = data.samples && shape.length === 1 && shape[0] === flat;
  return fits || fitsFlat ? { array: "x", ...(data.samples ? { scale: "1/255" } : {}) } : undefined;
}

function tokenFeature(
  shape: readonly (number | string)[],
  facts: readonly ColumnFacts[],
  tokenizers: readonly string[],
  modelFile: string,
): FeatureConfig | undefined {
  // A model that leaves the length open takes any; this is a common one.
  const length = typeof shape[0] === "number" ? shape[0] : 128;
  if (shape.length !== 1) {
    return undefined;
  }
  const lists = facts.filter((fact) => fact.tokens);
  // Tags are lists of numbers too.
  const tokens = lists.find(({ name }) => tokenNames.test(name)) ?? lists[0];
  if (tokens) {
    return { tokens: { column: tokens.name, length } };
  }
  const folder = posix.dirname(modelFile);
  const tokenizer = tokenizers.find((file) => posix.dirname(file) === folder) ?? tokenizers[0];
  const texts = facts.filter((fact) => !fact.numeric && fact.distinct > 1);
  const text =
    texts.find(({ name }) => textNames.test(name)) ??
    texts.toSorted((a, b) => b.textLength - a.textLength)[0];
  return tokenizer === undefined || text === undefined
    ? undefined
    : { text: { column: text.name, tokenizer, length } };
}

/**
 * The columns that feed an input of some width: all numeric ones, all with categories one-hot, or the first
 * that leave out identifiers. Undefined where no choice has the right width.
 */
export function chooseColumns(
  facts: readonly ColumnFacts[],
  target: readonly string[],
  width: number | undefined,
): Extract<FeatureConfig, { columns: string[] }> | undefined {
  const rest = facts.filter((fact) => !target.includes(fact.name) && !fact.tokens);
  const plain = rest.filter((fact) => !fact.identifier);
  for (const columns of [plain, rest]) {
    const numeric = columns.filter((fact) => fact.numeric);
    if (numeric.length > 0 && (width === undefined || numeric.length === width)) {
      return { columns: numeric.map(({ name }) => name) };
    }
    const categories = columns.filter((fact) => !fact.numeric);
    const total = categories.reduce((sum, fact) => sum + fact.distinct, numeric.length);
    if (total === width) {
      return {
        columns: columns.map(({ name }) => name),
        oneHot: Object.fromEntries(categories.map(({ name }) => [name, "auto"] as const)),
      };
    }
  }
  return undefined;
}
