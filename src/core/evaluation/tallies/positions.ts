import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import type { TestOutcome } from "../outcome.ts";
import type { RowOutcome, Tally } from "./tally.ts";

/** Confusions of labels at positions that are listed. */
const mostConfusions = 20;

/** A label at each position. */
export class PositionTally implements Tally {
  private counted = 0;
  private readonly right: number[];
  private readonly confusions = new Map<string, [number, number, number]>();

  constructor(
    checkpoints: number,
    private readonly className: (index: number) => string,
  ) {
    this.right = new Array<number>(checkpoints).fill(0);
  }

  add({ targets, mask, checkpoints, size }: EvaluatedChunk, row: number): RowOutcome {
    let counted = 0;
    let wrong = 0;
    for (const [index, { predictions }] of checkpoints.entries()) {
      [counted = 0, wrong = 0] = predictions.subarray(row * 3, row * 3 + 2);
      this.right[index] = (this.right[index] ?? 0) + counted - wrong;
    }
    this.counted += counted;
    const predicted = checkpoints.at(-1)?.positions?.predicted ?? new Float32Array(0);
    const width = predicted.length / size;
    for (let at = row * width; wrong > 0 && at < (row + 1) * width; at++) {
      const target = Number(targets.data[at]);
      const isCounted = mask === undefined ? target >= 0 : Number(mask.data[at]) > 0;
      const taken = predicted[at] ?? target;
      if (isCounted && target !== taken) {
        const key = `${target} ${taken}`;
        const found = this.confusions.get(key) ?? [target, taken, 0];
        found[2]++;
        this.confusions.set(key, found);
      }
    }
    return counted === 0 ? {} : { wrong: wrong > 0 };
  }

  outcome(): TestOutcome {
    return {
      kind: "positions",
      counted: this.counted,
      right: this.right,
      confusions: [...this.confusions.values()]
        .sort((a, b) => b[2] - a[2])
        .slice(0, mostConfusions)
        .map(([target, predicted, count]) => ({
          target: this.className(target),
          predicted: this.className(predicted),
          count,
        })),
    };
  }
}
