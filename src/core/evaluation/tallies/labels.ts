import { labelName } from "../../label-text.ts";
import type { EvaluatedChunk } from "../../tracin/evaluation.ts";
import { largest } from "../../tracin/questions.ts";
import type { TestOutcome } from "../outcome.ts";
import type { RowOutcome, Tally } from "./tally.ts";

/** Labels that are all listed, whether they occur or not. */
const mostListed = 100;
/** One label for each example. */
export class LabelTally implements Tally {
  private counted = 0;
  private readonly right: number[];
  private width = 0;
  private readonly cells = new Map<string, [number, number, number]>();

  constructor(
    checkpoints: number,
    private readonly labels: readonly string[] | undefined,
  ) {
    this.right = new Array<number>(checkpoints).fill(0);
  }

  add({ targets, checkpoints, size }: EvaluatedChunk, row: number): RowOutcome {
    const target = Number(targets.data[row]);
    if (target < 0) {
      return {};
    }
    this.counted++;
    let predicted = target;
    for (const [index, { predictions }] of checkpoints.entries()) {
      this.width = predictions.length / size;
      predicted = largest(predictions.subarray(row * this.width, (row + 1) * this.width));
      if (predicted === target) {
        this.right[index] = (this.right[index] ?? 0) + 1;
      }
    }
    const key = `${target} ${predicted}`;
    const cell = this.cells.get(key) ?? [target, predicted, 0];
    cell[2]++;
    this.cells.set(key, cell);
    return { wrong: predicted !== target };
  }

  outcome(): TestOutcome {
    const found = [...this.cells.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const occurring = new Set(found.flatMap(([...pair]) => pair.slice(0, 2)));
    const listed =
      this.width <= mostListed
        ? Array.from({ length: this.width }, (_, index) => index)
        : [...occurring].sort((a, b) => a - b);
    const places = new Map(listed.map((index, place) => [index, place]));
    const place = (index: number) => places.get(index) ?? 0;
    return {
      kind: "labels",
      counted: this.counted,
      right: this.right,
      labels: listed.map((index) => labelName(this.labels, index)),
      cells: found.map(([target, predicted, count]) => [place(target), place(predicted), count]),
    };
  }
}
