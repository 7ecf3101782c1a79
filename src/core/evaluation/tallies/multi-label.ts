import { labelName } from "../../label-text.ts";
import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import { listOfLabels } from "../label-bars.ts";
import type { TestOutcome } from "../outcome.ts";
import type { RowOutcome, Tally } from "./tally.ts";

/** Several labels for each example. */
export class MultiLabelTally implements Tally {
  private counted = 0;
  private readonly right: number[];
  private counts: { tp: number; fp: number; fn: number; tn: number }[] = [];

  constructor(
    checkpoints: number,
    private readonly labels: readonly string[] | undefined,
  ) {
    this.right = new Array<number>(checkpoints).fill(0);
  }

  add({ targets, mask, checkpoints, size }: EvaluatedChunk, row: number): RowOutcome {
    const last = checkpoints.at(-1);
    const width = (last?.predictions.length ?? 0) / size;
    const counts = (label: number) => mask === undefined || Number(mask.data[row * width + label]);
    const isOn = (label: number) => Number(targets.data[row * width + label]) >= 0.5;
    const known = Array.from({ length: width }, (_, label) => label).filter(counts);
    if (known.length === 0) {
      return {};
    }
    this.counted++;
    const misses = (predictions: Float32Array) =>
      known.some((label) => (predictions[row * width + label] ?? 0) >= 0.5 !== isOn(label));
    for (const [index, { predictions }] of checkpoints.entries()) {
      if (!misses(predictions)) {
        this.right[index] = (this.right[index] ?? 0) + 1;
      }
    }
    const predicts = (label: number) => (last?.predictions[row * width + label] ?? 0) >= 0.5;
    for (const label of known) {
      this.count(label, isOn(label), predicts(label));
    }
    return {
      wrong: last !== undefined && misses(last.predictions),
      targetLabels: this.names(known.filter(isOn)),
      predictedLabels: this.names(known.filter(predicts)),
    };
  }

  outcome(): TestOutcome {
    return {
      kind: "multiLabel",
      counted: this.counted,
      right: this.right,
      labels: Array.from(this.counts, (found, index) => ({
        label: labelName(this.labels, index),
        truePositives: found?.tp ?? 0,
        falsePositives: found?.fp ?? 0,
        falseNegatives: found?.fn ?? 0,
        trueNegatives: found?.tn ?? 0,
      })),
    };
  }

  private count(label: number, isOn: boolean, isPredicted: boolean): void {
    const counts = this.counts[label] ?? { tp: 0, fp: 0, fn: 0, tn: 0 };
    this.counts[label] = counts;
    counts[isOn ? (isPredicted ? "tp" : "fn") : isPredicted ? "fp" : "tn"]++;
  }

  private names(labels: readonly number[]): string {
    return listOfLabels(labels.map((label) => labelName(this.labels, label)));
  }
}
