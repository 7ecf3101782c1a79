import type { Config, FeatureConfig } from "../config/config.ts";
import { TracInError } from "../errors.ts";
import { listNames } from "./data-error.ts";
import type { Dataset } from "./dataset.ts";
import type { Encoder, InputSpec } from "./encoder.ts";
import { fitArray } from "./features/array.ts";
import { Batch } from "./features/batch.ts";
import { fitColumns } from "./features/columns.ts";
import type { Feature, Fit } from "./features/feature.ts";
import { fitTargets } from "./features/fit-targets.ts";
import { fitImage } from "./features/image.ts";
import { inputShape, inputType } from "./features/input.ts";
import type { TargetOptions } from "./features/target-options.ts";
import { shapeOfTarget } from "./features/targets.ts";
import { fitText } from "./features/text.ts";
import { fitTokens } from "./features/tokens.ts";
import {
  encoderFromState,
  type FeatureState,
  type InputState,
  isOwn,
  makeFeature,
} from "./fitted-encoder.ts";

/** What an encoder is fitted from. */
export interface FitOptions extends TargetOptions {
  /** `features` of `tracin.json`: how each model input is made. */
  readonly features: Config["features"];
  readonly train: Dataset;
  /** Absolute folder that holds `tracin.json`. */
  readonly root: string;
}

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
