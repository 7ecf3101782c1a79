/** What is known of one ranked row and its query beyond the score. */

/** The row of a run that is looked at. */
export interface PairRequest {
  readonly root: string;
  readonly runId: string;
  /** Which query of the run. */
  readonly query: number;
  /** The training example. */
  readonly index: number;
}

/** A token or column with its part. */
export interface NamedPart {
  readonly name: string;
  readonly part: number;
}

/** Where in the training example the part of the first layer in the score comes from. */
export type WhereParts =
  | {
      readonly kind: "grid";
      readonly height: number;
      readonly width: number;
      readonly parts: Float32Array;
    }
  /** In the order of the text. */
  | { readonly kind: "tokens"; readonly tokens: readonly NamedPart[] }
  | { readonly kind: "columns"; readonly columns: readonly NamedPart[] }
  | { readonly kind: "none"; readonly reason: string };

export interface PairReply {
  readonly where: WhereParts;
  /** The weight of the layer that `where` splits, and its whole part in the score; empty and 0 for none. */
  readonly layer: string;
  readonly total: number;
  /** What of it belongs to no place: a table of words that is the output layer too has a part of its own there. */
  readonly rest: number;
  /** The factors of the product at the last layer and checkpoint; undefined where that layer is not dense, or has several positions. */
  readonly last:
    | {
        readonly layer: string;
        readonly error: number;
        readonly errorCosine: number;
        readonly input: number;
        readonly inputCosine: number;
      }
    | undefined;
}
