import type { NewExample } from "../datasets/new-example.ts";
import type { Shape } from "../graph/tensor.ts";

/** What is asked of the scorer. */
export interface QuerySelection {
  /** Dataset name and example number. */
  readonly dataset: string;
  readonly index: number;
  /**
   * The label whose loss is explained: the example's own target, what the model predicts at the last
   * checkpoint (where there are positions, at each that counts), or a class index (softmax) or output index (sigmoid:
   * that output alone, as if it were on; regression with a few outputs: its part of the loss alone).
   */
  readonly explain: "target" | "prediction" | number;
  /** The example itself, where it stands in no dataset; `dataset` and `index` then only name it. */
  readonly example?: NewExample;
}

/** Progress of a computation, in examples times checkpoints. */
export interface ScoreProgress {
  readonly phase: "opening" | "evaluating" | "queries" | "scoring" | "reranking" | "writing";
  readonly done: number;
  readonly total: number;
}

/** How a question is asked. */
export interface ScoreOptions {
  /** Sum the queries' gradients into one query. */
  readonly aggregate?: boolean;
  readonly onProgress?: (progress: ScoreProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Finished scores of the training examples [start, start + size).
 * M queries (1 when aggregated), C checkpoints, O numbers that are known of the prediction of an example.
 */
export interface ScoreChunk {
  readonly start: number;
  readonly size: number;
  /** [C, size, M]: the part of each checkpoint, weight included; summed over C it is the TracInCP score. */
  readonly scoreParts: Float32Array;
  /** Where others are estimates of a gradient index, the examples whose scores are exact: none as long as it is passed over. */
  readonly exact?: Pick<ReadonlySet<number>, "has" | "size">;
  /** [C, size]: weight * |gradient|^2; summed over C it is self-influence. */
  readonly selfParts: Float32Array;
  /** [C, size]: loss of each example at each checkpoint, unweighted. */
  readonly losses: Float32Array;
  /** [C, size]: margin of each label at each checkpoint (see loss/margin.ts), NaN where it has none; empty where no example has one. */
  readonly margins: Float32Array;
  /** [size, O]: what is known of the predictions at the last checkpoint, see `Reading`; empty for `none`. */
  readonly predictions: Float32Array;
}

/** What is known of a query after scoring. */
export interface QueryResult {
  readonly selection: QuerySelection;
  /** Class or output index that was explained; undefined where it is all of the target or prediction. */
  readonly label: number | undefined;
  /** [O] at the last checkpoint, as in {@link ScoreChunk.predictions}. */
  readonly prediction: Float32Array;
  /** For targets with a label at each position, where the model fails at the last checkpoint. */
  readonly positions: QueryPositions | undefined;
  /** Loss at each checkpoint, [C]. */
  readonly losses: Float32Array;
}

/** A position of a query, with class indices. */
export interface PositionReading {
  /** In the target, in row-major order. */
  readonly position: number;
  readonly target: number;
  readonly predicted: number;
  readonly loss: number;
}

/** Where the model fails on a query with a label at each position. */
export interface QueryPositions {
  /** Shape of the target. */
  readonly shape: Shape;
  /** The positions that count with the largest losses, largest first. */
  readonly worst: readonly PositionReading[];
  /** Classes that are taken for others, most frequent first. */
  readonly confusions: readonly {
    readonly target: number;
    readonly predicted: number;
    readonly count: number;
  }[];
}
