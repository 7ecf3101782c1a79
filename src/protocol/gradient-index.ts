/** The gradient index: what the training examples' gradients are kept in, and what it has told of a run. */

/** What an index can keep of each gradient. */
export type IndexSettings =
  | {
      readonly type: "sketch";
      readonly size: number;
      readonly numbers: "float32" | "float16" | "int8";
      readonly seed: number;
    }
  | { readonly type: "factors" };

/** One way to keep a project's gradients. */
export interface IndexChoice {
  readonly settings: IndexSettings;
  /** Whether all scores are exact. */
  readonly exact: boolean;
  /** What it takes on the disk. */
  readonly bytes: number;
}

/** The index of a project as it is, and as it could be. */
export interface IndexPlan {
  readonly state: "none" | "valid" | "stale";
  /** Why it is out of date, as sentences. */
  readonly reasons: readonly string[];
  /** What it keeps now. */
  readonly current: IndexSettings | undefined;
  readonly choices: readonly IndexChoice[];
}

/** A finished build. */
export interface IndexSummary {
  /** What is kept of each example and checkpoint: `sketches, 2048 x float32`. */
  readonly kept: string;
  readonly bytes: number;
  readonly examples: number;
  /** Shards, and those of them that were computed now. */
  readonly shards: number;
  readonly computed: number;
}

/** How the scores of a run were found in an index. */
export interface RunIndex {
  readonly kept: string;
  /** Whether all scores are exact. */
  readonly exact: boolean;
  /** Of each list, how many of the best estimates got exact scores. */
  readonly reranked: number;
  /** Training examples whose estimates gave way to exact scores: these, and the random sample. */
  readonly computed: number;
  /** Estimates against exact scores over a random sample of the training examples; an entry for each query. */
  readonly agreement?:
    | {
        readonly examples: number;
        readonly top: number;
        readonly spearman: readonly number[];
        readonly recall: readonly number[];
      }
    | undefined;
}
