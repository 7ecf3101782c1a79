import * as z from "zod";
import type { Config, FeatureConfig } from "../config/config.ts";
import { TracInError } from "../errors.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { labelName } from "../label-text.ts";
import { listNames } from "./data-error.ts";
import type { Dataset } from "./dataset.ts";
import type { EncodedBatch, Encoder, EncoderState, InputSpec } from "./encoder.ts";
import { arrayFeature, arrayState, fitArray } from "./features/array.ts";
import { Batch } from "./features/batch.ts";
import { columnsFeature, columnsState, fitColumns } from "./features/columns.ts";
import type { Feature, FeatureValues, Fit } from "./features/feature.ts";
import { fitTargets } from "./features/fit-targets.ts";
import { fitImage, imageFeature, imageState } from "./features/image.ts";
import { inputShape, inputType, inputTypes, toInputTensor } from "./features/input.ts";
import type { TargetOptions } from "./features/target-options.ts";
import { targetTexts } from "./features/target-text.ts";
import {
  asInput,
  encodeTargets,
  labelsOfTarget,
  readingOfTarget,
  shapeOfTarget,
  targetState,
} from "./features/targets.ts";
import { fitText, textFeature, textState } from "./features/text.ts";
import { fitTokens, tokensFeature, tokensState } from "./features/tokens.ts";
import type { Reading } from "./target-form.ts";

/** What an encoder is fitted from. */
export interface FitOptions extends TargetOptions {
  /** `features` of `tracin.json`: how each model input is made. */
  readonly features: Config["features"];
  readonly train: Dataset;
  /** Absolute folder that holds `tracin.json`. */
  readonly root: string;
}

const targetFeatureState = z.strictObject({ kind: z.literal("target") });
const maskState = z.strictObject({ kind: z.literal("mask"), of: z.string() });
const featureState = z.discriminatedUnion("kind", [
  columnsState,
  imageState,
  tokensState,
  textState,
  maskState,
  arrayState,
  targetFeatureState,
]);
const inputState = z.strictObject({
  name: z.string(),
  dtype: z.enum(inputTypes),
  shape: z.array(z.int().nonnegative()),
  feature: featureState,
});
const encoderState = z.strictObject({
  version: z.literal(1),
  inputs: z.array(inputState),
  target: targetState,
});

type FeatureState = z.infer<typeof featureState>;
type InputState = z.infer<typeof inputState>;
type State = z.infer<typeof encoderState>;

/** Rows that one step of the fitting pass reads. */
const fitBatch = 4096;

/**
 * Learns from the training data what encoding needs (categories, means, labels), in one pass.
 *
 * @throws TracInError kind `config` when features, inputs, labels and outputs do not fit together; kind `data`
 * naming file, line and column for values that cannot be used
 */
export async function fitEncoder(options: FitOptions): Promise<Encoder> {
  const { train, inputs } = options;
  checkNames(options);
  const first = Batch.range(train, 0, 1);
  const fits: { input: InputSpec; fit: Fit<FeatureState> }[] = [];
  const shapes = new Map<string, Pick<Feature, "shape" | "noun">>();
  for (const input of inputs) {
    const config = options.features[input.name];
    if (config) {
      const fit = await fitFeature(input.name, config, first, options.root);
      fits.push({ input, fit });
      if (fit.observe === undefined) {
        await addShape(shapes, input.name, fit.finish(), options.root);
      }
    }
  }
  const target = await fitTargets(train, options, shapes);
  await observe(
    train,
    [target, ...fits.map(({ fit }) => fit)].flatMap((fit) => fit.observe ?? []),
  );
  const states = fits.map(({ input, fit }) => ({ input, feature: fit.finish() }));
  for (const { input, feature } of states) {
    if (!shapes.has(input.name)) {
      await addShape(shapes, input.name, feature, options.root);
    }
  }
  const fitted = target.finish();
  const shapeOf = (input: string, feature: FeatureState) => {
    switch (feature.kind) {
      case "mask":
        return { ...shapes.get(feature.of), noun: "masks" };
      case "target":
        return { shape: shapeOfTarget(fitted), noun: "targets" };
      default:
        return { noun: "values", ...shapes.get(input) };
    }
  };
  const encoder = await encoderFromState(
    {
      version: 1,
      inputs: states.map(({ input, feature }): InputState => {
        const { shape, noun } = shapeOf(input.name, feature);
        if (!shape) {
          throw new TracInError("internal", `The input "${input.name}" has no feature.`);
        }
        return {
          name: input.name,
          dtype: inputType(input),
          shape: [...inputShape(input, { shape, noun })],
          feature,
        };
      }),
      target: fitted,
    },
    options.root,
  );
  // What only shows when it is used, such as a column that is not there, shows now.
  await encoder.encode(train, 0, 1);
  return encoder;
}

/** The shape of a feature that makes its values by itself. */
async function addShape(
  shapes: Map<string, Pick<Feature, "shape" | "noun">>,
  input: string,
  state: FeatureState,
  root: string,
): Promise<void> {
  if (isOwn(state)) {
    shapes.set(input, await makeFeature(state, root));
  }
}

/** The encoder that a state describes, in any process: it encodes exactly as the fitted one. */
export async function encoderFromState(state: EncoderState, root: string): Promise<Encoder> {
  const parsed = encoderState.safeParse(state);
  if (!parsed.success) {
    throw new TracInError(
      "internal",
      `The encoder's state is damaged: ${z.prettifyError(parsed.error)}`,
    );
  }
  const features = new Map<string, Feature>();
  for (const input of parsed.data.inputs) {
    if (isOwn(input.feature)) {
      features.set(input.name, await makeFeature(input.feature, root));
    }
  }
  return new FittedEncoder(parsed.data, features);
}

class FittedEncoder implements Encoder {
  readonly labels: readonly string[] | undefined;
  readonly reading: Reading;

  constructor(
    readonly state: State,
    private readonly features: ReadonlyMap<string, Feature>,
  ) {
    this.labels = labelsOfTarget(state.target);
    this.reading = readingOfTarget(state.target);
  }

  className(index: number): string {
    const { target } = this.state;
    const tokens =
      target.kind === "positions" && target.from.kind === "tokens"
        ? this.features.get(target.from.of)
        : undefined;
    return tokens?.tokenName?.(index) ?? labelName(this.labels, index);
  }

  tokenName(input: string, id: number): string | undefined {
    return this.features.get(input)?.tokenName?.(id);
  }

  paddingOf(input: string): number | undefined {
    return this.features.get(input)?.padding;
  }

  columnsOf(input: string) {
    return this.features.get(input)?.columns;
  }

  encode(dataset: Dataset, start: number, end: number): Promise<EncodedBatch> {
    return this.encodeBatch(Batch.range(dataset, start, end));
  }

  encodeAt(dataset: Dataset, indices: readonly number[]): Promise<EncodedBatch> {
    return this.encodeBatch(Batch.at(dataset, indices));
  }

  targetTexts(dataset: Dataset, start: number, end: number): Promise<readonly string[]> {
    return targetTexts(this.state.target, Batch.range(dataset, start, end));
  }

  private async encodeBatch(batch: Batch): Promise<EncodedBatch> {
    const encoded = new Map<string, FeatureValues>();
    for (const [name, feature] of this.features) {
      encoded.set(name, await feature.encode(batch));
    }
    const inputs = new Map<string, Tensor>();
    const put = (input: InputState, values: Parameters<typeof toInputTensor>[2] | undefined) => {
      if (!values) {
        throw new TracInError("internal", `The input "${input.name}" was not encoded.`);
      }
      const shape: Shape = [batch.size, ...input.shape];
      inputs.set(input.name, toInputTensor(input, shape, values, batch));
    };
    const ofTarget = this.state.inputs.filter(({ feature }) => feature.kind === "target");
    for (const input of this.state.inputs) {
      const { feature, name } = input;
      if (feature.kind === "mask") {
        put(input, encoded.get(feature.of)?.mask);
      } else if (feature.kind !== "target") {
        put(input, encoded.get(name)?.values);
      }
    }
    const { target } = this.state;
    const { targets, mask } = await encodeTargets(target, batch, { values: encoded, inputs });
    for (const input of ofTarget) {
      put(input, asInput(target, targets));
    }
    return { size: batch.size, inputs, targets, ...(mask === undefined ? {} : { mask }) };
  }
}

async function observe(
  train: Dataset,
  observers: readonly ((batch: Batch) => Promise<void>)[],
): Promise<void> {
  if (observers.length === 0) {
    return;
  }
  for (let start = 0; start < train.length; start += fitBatch) {
    const batch = Batch.range(train, start, Math.min(train.length, start + fitBatch));
    for (const see of observers) {
      await see(batch);
    }
  }
}

async function fitFeature(
  input: string,
  config: FeatureConfig,
  first: Batch,
  root: string,
): Promise<Fit<FeatureState>> {
  if ("columns" in config) {
    return fitColumns(input, config);
  }
  const state = await settleFeature(input, config, first, root);
  return { finish: () => state };
}

async function settleFeature(
  input: string,
  config: Exclude<FeatureConfig, { columns: string[] }>,
  first: Batch,
  root: string,
): Promise<FeatureState> {
  if ("image" in config) {
    return fitImage(input, config.image, first);
  }
  if ("tokens" in config) {
    return fitTokens(input, config.tokens);
  }
  if ("text" in config) {
    return fitText(input, config.text, root);
  }
  if ("maskOf" in config) {
    return { kind: "mask", of: config.maskOf };
  }
  if ("target" in config) {
    return { kind: "target" };
  }
  return fitArray(config, first);
}

/** The state of a feature that makes its values by itself. */
type OwnState = Exclude<FeatureState, { kind: "mask" | "target" }>;

function isOwn(state: FeatureState): state is OwnState {
  return state.kind !== "mask" && state.kind !== "target";
}

async function makeFeature(state: OwnState, root: string): Promise<Feature> {
  switch (state.kind) {
    case "columns":
      return columnsFeature(state);
    case "image":
      return imageFeature(state);
    case "tokens":
      return tokensFeature(state);
    case "text":
      return textFeature(state, root);
    case "array":
      return arrayFeature(state);
  }
}

function checkNames({ features, inputs }: FitOptions): void {
  const fail = (message: string, remedy: string): never => {
    throw new TracInError("config", message, { file: "tracin.json" }, remedy);
  };
  const names = inputs.map((input) => input.name);
  const configured = Object.keys(features);
  const missing = names.filter((name) => !configured.includes(name));
  if (missing.length > 0) {
    fail(
      `features does not say how the model's inputs ${listNames(missing)} are made.`,
      "Add an entry for each input of the model.",
    );
  }
  const unknown = configured.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    fail(
      `features names ${listNames(unknown)}, but the model's inputs are ${listNames(names)}.`,
      "Use the names of the model's inputs.",
    );
  }
  for (const [name, feature] of Object.entries(features)) {
    const of = "maskOf" in feature ? features[feature.maskOf] : undefined;
    if ("maskOf" in feature && !(of && ("text" in of || "tokens" in of))) {
      fail(
        `features.${name}.maskOf names "${feature.maskOf}", which is no token or text input.`,
        "Name the input whose padding is masked.",
      );
    }
  }
}
