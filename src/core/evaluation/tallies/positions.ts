import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import { confusionName, listOfLabels } from "../label-bars.ts";
import type { TestOutcome } from "../outcome.ts";
import type { RowOutcome, Tally } from "./tally.ts";

/** Confusions of labels at positions that are listed. */
const mostConfusions = 20;

/** A label at each position. */
export class PositionTally implements Tally {
  private counted = 0;
  private readonly right: number[];
  private ranked: readonly (readonly [number, number, number])[] | undefined;
  private readonly counts = new Map<string, [number, number, number]>();

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
    this.ranked = undefined;
    this.counted += counted;
    const predicted = checkpoints.at(-1)?.positions?.predicted ?? new Float32Array(0);
    const width = predicted.length / size;
    const pairs = new Map<string, readonly [number, number]>();
    for (let at = row * width; wrong > 0 && at < (row + 1) * width; at++) {
      const target = Number(targets.data[at]);
      const isCounted = mask === undefined ? target >= 0 : Number(mask.data[at]) > 0;
      const taken = predicted[at] ?? target;
      if (isCounted && target !== taken) {
        const key = `${target} ${taken}`;
        const found = this.counts.get(key) ?? [target, taken, 0];
        found[2]++;
        this.counts.set(key, found);
        pairs.set(key, [target, taken]);
      }
    }
    return counted === 0
      ? {}
      : { wrong: wrong > 0, confused: Int32Array.from([...pairs.values()].flat()) };
  }

  outcome(): TestOutcome {
    return {
      kind: "positions",
      counted: this.counted,
      right: this.right,
      confusions: this.listed().map(([target, predicted, count]) => ({
        target: this.className(target),
        predicted: this.className(predicted),
        count,
      })),
    };
  }

  confusions(confused: Int32Array): string {
    const own = new Set<string>();
    for (let at = 0; at < confused.length; at += 2) {
      own.add(`${confused[at]} ${confused[at + 1]}`);
    }
    return listOfLabels(
      this.listed()
        .filter(([target, predicted]) => own.has(`${target} ${predicted}`))
        .map(([target, predicted]) =>
          confusionName(this.className(target), this.className(predicted)),
        ),
    );
  }

  /** The most frequent ones. */
  private listed(): readonly (readonly [number, number, number])[] {
    this.ranked ??= [...this.counts.values()].sort((a, b) => b[2] - a[2]).slice(0, mostConfusions);
    return this.ranked;
  }
}
