import type { Dataset } from "../datasets/dataset.ts";
import type { Values } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import { outputs } from "./outputs.ts";
import { floats } from "./rows.ts";
import type { ScoreChunk } from "./scores.ts";

/** Collects the outputs of the batches of one chunk. */
export class ChunkBuilder {
  private readonly scoreParts: Float32Array;
  private readonly selfParts: Float32Array;
  private readonly losses: Float32Array;
  private margins = new Float32Array(0);
  private predictions = new Float32Array(0);

  constructor(
    private readonly start: number,
    readonly size: number,
    private readonly checkpoints: number,
    private readonly queries: number,
  ) {
    this.scoreParts = new Float32Array(checkpoints * size * queries);
    this.selfParts = new Float32Array(checkpoints * size);
    this.losses = new Float32Array(checkpoints * size);
  }

  put(values: Values, checkpoint: number, weight: number, row: number, rows: number): void {
    const at = checkpoint * this.size + row;
    if (this.queries > 0) {
      const scores = floats(values, outputs.scores);
      scale(scores, rows * this.queries, weight, this.scoreParts, at * this.queries);
    }
    scale(floats(values, outputs.self), rows, weight, this.selfParts, at);
    this.losses.set(floats(values, outputs.loss).subarray(0, rows), at);
    if (values.has(outputs.margin)) {
      if (this.margins.length === 0) {
        this.margins = new Float32Array(this.checkpoints * this.size);
      }
      this.margins.set(floats(values, outputs.margin).subarray(0, rows), at);
    }
    if (checkpoint === this.checkpoints - 1 && values.has(outputs.prediction)) {
      const predictions = floats(values, outputs.prediction);
      const width = values.get(outputs.prediction)?.shape[1] ?? 1;
      if (this.predictions.length === 0) {
        this.predictions = new Float32Array(this.size * width);
      }
      this.predictions.set(predictions.subarray(0, rows * width), row * width);
    }
  }

  /** The first of some rows whose loss or gradient is NaN or infinite at a checkpoint. */
  notFinite(checkpoint: number, row: number, rows: number): number | undefined {
    for (let place = row; place < row + rows; place++) {
      const at = checkpoint * this.size + place;
      if (!Number.isFinite(this.losses[at]) || !Number.isFinite(this.selfParts[at])) {
        return place;
      }
    }
    return undefined;
  }

  finish(): ScoreChunk {
    const { start, size, scoreParts, selfParts, losses, margins, predictions } = this;
    return { start, size, scoreParts, selfParts, losses, margins, predictions };
  }
}

function scale(
  from: Float32Array,
  length: number,
  factor: number,
  to: Float32Array,
  offset: number,
): void {
  for (let index = 0; index < length; index++) {
    to[offset + index] = factor * (from[index] as number);
  }
}

/** That an example has no finite loss or gradient at a checkpoint. */
export function notFinite(checkpoint: string, dataset: Dataset, row: number): TracInError {
  const { file, line } = dataset.locator(row);
  const what = dataset.name === "train" ? "training example" : `example ${dataset.name}`;
  return new TracInError(
    "checkpoint",
    `The loss or gradient of ${what} ${row} (${file}, line ${line + 1}) is not a finite number at this checkpoint.`,
    { file: checkpoint },
    'Training had diverged there, or the example is out of range. Leave the checkpoint out of "checkpoints" in tracin.json, or mend the example.',
  );
}
