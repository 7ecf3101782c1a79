import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import type { TestOutcome } from "../outcome.ts";

/** What is known of one example besides its loss and prediction. */
export interface RowOutcome {
  /** Undefined where the example has no target, or there is no right and wrong. */
  readonly wrong?: boolean | undefined;
  /** Prediction minus target, of the only output. */
  readonly error?: number;
  /** Mean over the outputs. */
  readonly absoluteError?: number;
  /** For several labels, each between bars: `|cat|dog|`. */
  readonly targetLabels?: string;
  readonly predictedLabels?: string;
  /** For labels at positions: the pairs of target and prediction that are taken for each other, each once, as class indices. */
  readonly confused?: Int32Array;
}

/** Counts what a model gets right, example by example. */
export interface Tally {
  /** Looks at example `row` of a chunk. */
  add(chunk: EvaluatedChunk, row: number): RowOutcome;
  outcome(): TestOutcome;
  /** Those of an example's confusions that the outcome lists, each between bars: `|cat→dog|`. */
  confusions?(confused: Int32Array): string;
}

/** Losses alone. */
export class LossTally implements Tally {
  add(): RowOutcome {
    return {};
  }

  outcome(): TestOutcome {
    return { kind: "loss" };
  }
}
