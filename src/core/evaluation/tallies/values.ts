import { labelName } from "../../label-text.ts";
import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import type { TestOutcome } from "../outcome.ts";
import type { RowOutcome, Tally } from "./tally.ts";

/** Numbers: how far predictions are from targets. */
export class ValueTally implements Tally {
  private readonly outputs: {
    count: number;
    error: number;
    absolute: number;
    square: number;
    /** Mean of the targets, and their squared distances from it (Welford). */
    mean: number;
    spread: number;
  }[] = [];

  constructor(private readonly labels: readonly string[] | undefined) {}

  add({ targets, mask, checkpoints, size }: EvaluatedChunk, row: number): RowOutcome {
    const predictions = checkpoints.at(-1)?.predictions ?? new Float32Array(0);
    const width = predictions.length / size;
    let sum = 0;
    let known = 0;
    let only = 0;
    for (let output = 0; output < width; output++) {
      const at = row * width + output;
      if (mask !== undefined && Number(mask.data[at]) <= 0) {
        continue;
      }
      const target = Number(targets.data[at]);
      only = (predictions[at] ?? 0) - target;
      sum += Math.abs(only);
      known++;
      this.count(output, target, only);
    }
    return known === 0
      ? {}
      : { absoluteError: sum / known, ...(width === 1 ? { error: only } : {}) };
  }

  outcome(): TestOutcome {
    const isNamed = this.labels?.length === this.outputs.length;
    return {
      kind: "values",
      outputs: Array.from(this.outputs, (found, index) => {
        const { count = 0, error = 0, absolute = 0, square = 0, spread = 0 } = found ?? {};
        const each = Math.max(1, count);
        return {
          name: isNamed ? labelName(this.labels, index) : `output ${index}`,
          count,
          meanError: error / each,
          meanAbsoluteError: absolute / each,
          rootMeanSquare: Math.sqrt(square / each),
          explained: spread > 0 ? 1 - square / spread : null,
        };
      }),
    };
  }

  private count(output: number, target: number, error: number): void {
    const found = this.outputs[output] ?? {
      count: 0,
      error: 0,
      absolute: 0,
      square: 0,
      mean: 0,
      spread: 0,
    };
    this.outputs[output] = found;
    found.count++;
    found.error += error;
    found.absolute += Math.abs(error);
    found.square += error * error;
    const distance = target - found.mean;
    found.mean += distance / found.count;
    found.spread += distance * (target - found.mean);
  }
}
