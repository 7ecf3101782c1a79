import type { Config, SourceConfig } from "../../../src/core/config/config.ts";
import type { LossSpec } from "../../../src/core/config/project.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { encoderFromState } from "../../../src/core/datasets/fitted-encoder.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, workspace } from "./workspace.ts";

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A training set, and what is told of its target. */
export interface Case {
  readonly files: Files;
  readonly source: SourceConfig;
  readonly features?: Config["features"];
  readonly inputs?: readonly InputSpec[];
  readonly loss?: Partial<LossSpec>;
  readonly output?: readonly (number | string)[];
  readonly labels?: readonly string[];
}

export const tokens: Config["features"] = { ids: { tokens: { column: "ids", length: 4 } } };
export const tokenInput: InputSpec = { name: "ids", dtype: "int64", shape: [4] };

/** The encoder that is fitted to a training set, saved and restored. */
export async function fitted(one: Case) {
  const { files, source, features = tokens, inputs = [tokenInput], output, labels } = one;
  const root = await workspace(files);
  const train = await closing(openDataset("train", source, root));
  const loss = { type: "softmax-cross-entropy", ignoreIndex: -100, ...one.loss } as const;
  const { target } = source;
  const fresh = await fitEncoder({ features, loss, labels, target, output, inputs, train, root });
  const encoder = await encoderFromState(JSON.parse(JSON.stringify(fresh.state)), root);
  return { train, encoder, root };
}

/** What is encoded of a whole training set. */
export async function encode(one: Case) {
  const { train, encoder } = await fitted(one);
  const { targets, mask, inputs } = await encoder.encode(train, 0, train.length);
  return {
    labels: encoder.labels,
    reading: encoder.reading,
    dtype: targets.dtype,
    shape: targets.shape,
    values: Array.from(targets.data, Number),
    mask: mask && Array.from(mask.data, Number),
    texts: await encoder.targetTexts(train, 0, train.length),
    inputs,
  };
}
