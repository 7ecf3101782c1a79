import * as z from "zod";
import { TracInError } from "../errors.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { labelName } from "../label-text.ts";
import type { Dataset } from "./dataset.ts";
import type { EncodedBatch, Encoder, EncoderState } from "./encoder.ts";
import { arrayFeature, arrayState } from "./features/array.ts";
import { Batch } from "./features/batch.ts";
import { columnsFeature, columnsState } from "./features/columns.ts";
import type { Feature, FeatureValues } from "./features/feature.ts";
import { imageFeature, imageState } from "./features/image.ts";
import { inputTypes, toInputTensor } from "./features/input.ts";
import { targetTexts } from "./features/target-text.ts";
import {
  asInput,
  encodeTargets,
  labelsOfTarget,
  readingOfTarget,
  targetState,
} from "./features/targets.ts";
import { textFeature, textState } from "./features/text.ts";
import { tokensFeature, tokensState } from "./features/tokens.ts";
import type { Reading } from "./target-form.ts";

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

/** What a feature has learnt. */
export type FeatureState = z.infer<typeof featureState>;
/** How a model input is made. */
export type InputState = z.infer<typeof inputState>;
type State = z.infer<typeof encoderState>;

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

/** The state of a feature that makes its values by itself. */
type OwnState = Exclude<FeatureState, { kind: "mask" | "target" }>;

/** Whether a feature makes its values by itself. */
export function isOwn(state: FeatureState): state is OwnState {
  return state.kind !== "mask" && state.kind !== "target";
}

/** The feature that a state describes. */
export async function makeFeature(state: OwnState, root: string): Promise<Feature> {
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
