import type { Tensor } from "../graph/tensor.ts";
import { Collected } from "./collected.ts";
import { outputs } from "./outputs.ts";
import type { ProgramCache } from "./programs.ts";
import { batchOf, type Feeds } from "./questions.ts";
import { floats, sliceRows } from "./rows.ts";

/** Examples at one checkpoint. M examples, P positions, O numbers that are known of a prediction. */
export interface Evaluation {
  /** [M] */
  readonly losses: Float32Array;
  /** [M, O]; empty where nothing is known. */
  readonly predictions: Float32Array;
  /** Both [M, P]; where there are positions. */
  readonly positions:
    | { readonly losses: Float32Array; readonly predicted: Float32Array }
    | undefined;
}

/** Consecutive examples of a dataset at every checkpoint, with their targets as the graph takes them. */
export interface EvaluatedChunk {
  readonly start: number;
  readonly size: number;
  readonly targets: Tensor;
  /** 1 where an element of the target counts; undefined where the target tells. */
  readonly mask: Tensor | undefined;
  /** One for each checkpoint, in training order. */
  readonly checkpoints: readonly Evaluation[];
}

/** Losses and predictions of `count` examples with some weights, `batch` at a time. */
export async function evaluateFeeds(
  programs: ProgramCache,
  feeds: Feeds,
  count: number,
  weights: ReadonlyMap<string, Tensor>,
  batch: number,
): Promise<Evaluation> {
  const program = await programs.forward(batch);
  const collected = Collected.rows(count);
  for (let row = 0; row < count; row += batch) {
    const rows = Math.min(batch, count - row);
    const values = await program.run(new Map([...batchOf(feeds, row, rows, batch), ...weights]));
    for (const [name, value] of values) {
      collected.add(name, sliceRows(value, 0, rows));
    }
  }
  const joined = collected.results;
  return {
    losses: floats(joined, outputs.loss),
    predictions: joined.has(outputs.prediction)
      ? floats(joined, outputs.prediction)
      : new Float32Array(0),
    positions: joined.has(outputs.positionLoss)
      ? {
          losses: floats(joined, outputs.positionLoss),
          predicted: floats(joined, outputs.positionPrediction),
        }
      : undefined,
  };
}
