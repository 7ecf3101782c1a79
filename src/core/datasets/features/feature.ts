import { TracInError } from "../../errors.ts";
import type { Batch } from "./batch.ts";

/** What a feature gives for a batch: `values` is [size, ...shape of the feature]. */
export interface FeatureValues {
  readonly values: Float32Array | Float64Array | Int32Array;
  /** For token features, [size, length]: 1 at tokens, 0 at padding. */
  readonly mask?: Uint8Array;
  /** For token features, [size]: tokens of each example before padding, and before cutting where they are given as ids. */
  readonly lengths?: Int32Array;
}

/** A fitted feature: makes one model input from examples. */
export interface Feature {
  /** Sizes after the batch axis. */
  readonly shape: readonly number[];
  /** How the feature is called in messages: `images give [3, 32, 32]`. */
  readonly noun: string;
  encode(batch: Batch): Promise<FeatureValues>;
  /** For token features, the id that fills up the length. */
  readonly padding?: number;
  /** For text features, a token as a person reads it; undefined for an id that the tokenizer does not know. */
  /** The columns of a row that it reads, with the number of values that each makes, in their order. */
  readonly columns?: readonly { readonly name: string; readonly width: number }[];
  readonly tokenName?: (id: number) => string | undefined;
}

/** Something that learns from the training data in one pass. */
export interface Fit<State> {
  /** Sees every training example once, in order; undefined when nothing is to be learnt. */
  readonly observe?: (batch: Batch) => Promise<void>;
  finish(): State;
}

/** A factor such as `1/255` or `0.5` as numerator and denominator; throws kind `config` when it is no number. */
export function parseScale(scale: number | string | undefined): { over: number; under: number } {
  const [over, under] = String(scale ?? 1).split("/");
  const factor = { over: Number(over), under: Number(under ?? 1) };
  if (!Number.isFinite(factor.over / factor.under)) {
    throw new TracInError(
      "config",
      `The scale ${scale} is no number.`,
      { file: "tracin.json" },
      'Write a number, or a fraction such as "1/255".',
    );
  }
  return factor;
}
