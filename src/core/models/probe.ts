import type { Graph, ValueType } from "../graph/graph.ts";
import type { Model } from "./model.ts";

/** The model with its shape arithmetic folded away and the static type of every value known. */
export interface ProbedModel {
  readonly model: Model;
  /** The folded graph: only nodes that depend on inputs or weights remain; Identity and Dropout are gone. */
  readonly graph: Graph;
  /** Type of any value of `graph` at a batch size; sizes are affine in the batch. */
  typeAt(value: string, batch: number): ValueType;
}
