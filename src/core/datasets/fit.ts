import * as z from "zod";
import type { Config, FeatureConfig, LossName } from "../config/config.ts";
import { TracInError } from "../errors.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
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
import { encodeTargets, targetState } from "./features/targets.ts";
import { fitText, textFeature, textState } from "./features/text.ts";
import { fitTokens, tokensFeature, tokensState } from "./features/tokens.ts";

/** What an encoder is fitted from. */
export interface FitOptions {
  /** `features` of `tracin.json`: how each model input is made. */
  readonly features: Config["features"];
  readonly loss: LossName;
  /** `labels` of `tracin.json`; learnt from the training data when undefined. */
  readonly labels?: readonly string[] | undefined;
  /** The model's inputs. */
  readonly inputs: readonly InputSpec[];
  readonly train: Dataset;
  /** Absolute folder that holds `tracin.json`. */
  readonly root: string;
  /** Outputs of the model for one example (classes, labels or predicted numbers), where known. */
  readonly outputs?: number | undefined;
}

const maskState = z.strictObject({ kind: z.literal("mask"), of: z.string() });
const featureState = z.discriminatedUnion("kind", [
  columnsState,
  imageState,
  tokensState,
  textState,
  maskState,
  arrayState,
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
  for (const input of inputs) {
    const config = options.features[input.name];
    if (config) {
      fits.push({ input, fit: await fitFeature(input.name, config, first, options.root) });
    }
  }
  const target = fitTargets(train, options);
  await observe(
    train,
    [target, ...fits.map(({ fit }) => fit)].flatMap((fit) => fit.observe ?? []),
  );
  const states = fits.map(({ input, fit }) => ({ input, feature: fit.finish() }));
  const shapes = new Map<string, Pick<Feature, "shape" | "noun">>();
  for (const { input, feature } of states) {
    if (feature.kind !== "mask") {
      shapes.set(input.name, await makeFeature(feature, options.root));
    }
  }
  const encoder = await encoderFromState(
    {
      version: 1,
      inputs: states.map(({ input, feature }): InputState => {
        const shaped = shapes.get(feature.kind === "mask" ? feature.of : input.name);
        if (!shaped) {
          throw new TracInError("internal", `The input "${input.name}" has no feature.`);
        }
        const described = feature.kind === "mask" ? { ...shaped, noun: "masks" } : shaped;
        return {
          name: input.name,
          dtype: inputType(input),
          shape: [...inputShape(input, described)],
          feature,
        };
      }),
      target: target.finish(),
    },
    options.root,
  );
  // What only shows when it is used, such as a column that is not there, shows now.
  await encoder.encode(train, 0, 1);
  return encoder;
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
    if (input.feature.kind !== "mask") {
      features.set(input.name, await makeFeature(input.feature, root));
    }
  }
  return new FittedEncoder(parsed.data, features);
}

class FittedEncoder implements Encoder {
  readonly labels: readonly string[] | undefined;

  constructor(
    readonly state: State,
    private readonly features: ReadonlyMap<string, Feature>,
  ) {
    this.labels = state.target.kind === "numbers" ? undefined : state.target.labels;
  }

  encode(dataset: Dataset, start: number, end: number): Promise<EncodedBatch> {
    return this.encodeBatch(Batch.range(dataset, start, end));
  }

  encodeAt(dataset: Dataset, indices: readonly number[]): Promise<EncodedBatch> {
    return this.encodeBatch(Batch.at(dataset, indices));
  }

  targets(dataset: Dataset, start: number, end: number): Promise<Tensor> {
    return encodeTargets(this.state.target, Batch.range(dataset, start, end));
  }

  private async encodeBatch(batch: Batch): Promise<EncodedBatch> {
    const encoded = new Map<string, FeatureValues>();
    for (const [name, feature] of this.features) {
      encoded.set(name, await feature.encode(batch));
    }
    const inputs = new Map<string, Tensor>();
    for (const input of this.state.inputs) {
      const { feature, name } = input;
      const values =
        feature.kind === "mask" ? encoded.get(feature.of)?.mask : encoded.get(name)?.values;
      if (!values) {
        throw new TracInError("internal", `The input "${name}" was not encoded.`);
      }
      const shape: Shape = [batch.size, ...input.shape];
      inputs.set(name, toInputTensor(input, shape, values, batch));
    }
    const targets = await encodeTargets(this.state.target, batch);
    return { size: batch.size, inputs, targets };
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
  return fitArray(config, first);
}

async function makeFeature(
  state: Exclude<FeatureState, { kind: "mask" }>,
  root: string,
): Promise<Feature> {
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
