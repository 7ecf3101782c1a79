/** What is asked of the scorer. */
export interface QuerySelection {
  /** Dataset name and example number. */
  readonly dataset: string;
  readonly index: number;
  /**
   * The label whose loss is explained: the example's own target, what the model predicts at the last
   * checkpoint, or a class index (softmax) or output index (sigmoid; that output alone, as if it were on).
   */
  readonly explain: "target" | "prediction" | number;
}

/** Progress of a computation, in examples times checkpoints. */
export interface ScoreProgress {
  readonly phase: "opening" | "queries" | "scoring" | "writing";
  readonly done: number;
  readonly total: number;
}

/**
 * Finished scores of the training examples [start, start + size).
 * M queries (1 when aggregated), C checkpoints, O outputs of the model per example.
 */
export interface ScoreChunk {
  readonly start: number;
  readonly size: number;
  /** [C, size, M]: the part of each checkpoint, weight included; summed over C it is the TracInCP score. */
  readonly scoreParts: Float32Array;
  /** [C, size]: weight * |gradient|^2; summed over C it is self-influence. */
  readonly selfParts: Float32Array;
  /** [C, size]: loss of each example at each checkpoint, unweighted. */
  readonly losses: Float32Array;
  /** [size, O]: probabilities (cross-entropies) or outputs (MSE) at the last checkpoint. */
  readonly predictions: Float32Array;
}

/** What is known of a query after scoring. */
export interface QueryResult {
  readonly selection: QuerySelection;
  /** Class or output index that was explained; undefined for MSE and for multi-label targets. */
  readonly label: number | undefined;
  /** [O] probabilities or outputs at the last checkpoint. */
  readonly prediction: Float32Array;
  /** Loss at each checkpoint, [C]. */
  readonly losses: Float32Array;
}
