import { describe, expect, it } from "vitest";
import { LabelTally } from "../../../src/core/evaluation/tallies/labels.ts";
import { MultiLabelTally } from "../../../src/core/evaluation/tallies/multi-label.ts";
import { PositionTally } from "../../../src/core/evaluation/tallies/positions.ts";
import type { Tally } from "../../../src/core/evaluation/tallies/tally.ts";
import { ValueTally } from "../../../src/core/evaluation/tallies/values.ts";
import { float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import type { EvaluatedChunk } from "../../../src/core/tracin/evaluation.ts";

const classes = (values: readonly number[], width = 1): Tensor => ({
  dtype: "int64",
  shape: width === 1 ? [values.length] : [values.length / width, width],
  data: BigInt64Array.from(values, BigInt),
});
const numbers = (rows: readonly (readonly number[])[]) =>
  float32([rows.length, rows[0]?.length ?? 0], rows.flat());

/** A chunk with predictions at each checkpoint; the losses do not matter here. */
function chunk(
  targets: Tensor,
  checkpoints: readonly (readonly (readonly number[])[])[],
  more: { mask?: Tensor; predicted?: readonly number[] } = {},
): EvaluatedChunk {
  const size = checkpoints[0]?.length ?? 0;
  const { mask, predicted } = more;
  return {
    start: 0,
    size,
    targets,
    mask,
    checkpoints: checkpoints.map((rows) => ({
      losses: new Float32Array(size),
      predictions: Float32Array.from(rows.flat()),
      positions:
        predicted === undefined
          ? undefined
          : { losses: new Float32Array(predicted.length), predicted: Float32Array.from(predicted) },
    })),
  };
}

const addAll = (tally: Tally, given: EvaluatedChunk) =>
  Array.from({ length: given.size }, (_, row) => tally.add(given, row));

describe("one label", () => {
  const cat = [0.8, 0.1, 0.1];
  const dog = [0.2, 0.7, 0.1];
  const owl = [0.1, 0.1, 0.8];

  it("counts what is right at each checkpoint, and the pairs at the last", () => {
    const tally = new LabelTally(2, ["cat", "dog", "owl"]);
    const rows = addAll(
      tally,
      chunk(classes([0, 1, 1, -1]), [
        [dog, dog, cat, cat],
        [cat, owl, dog, cat],
      ]),
    );
    // The last example has no target: it is neither right nor wrong.
    expect(rows).toEqual([{ wrong: false }, { wrong: true }, { wrong: false }, {}]);
    expect(tally.outcome()).toEqual({
      kind: "labels",
      counted: 3,
      right: [1, 2],
      labels: ["cat", "dog", "owl"],
      cells: [
        [0, 0, 1],
        [1, 1, 1],
        [1, 2, 1],
      ],
    });
  });

  it("lists only the labels that occur where there are very many", () => {
    const tally = new LabelTally(1, undefined);
    const row = new Array<number>(1000).fill(0).with(700, 1);
    addAll(tally, chunk(classes([700, 20]), [[row, row]]));
    expect(tally.outcome()).toMatchObject({
      labels: ["20", "700"],
      cells: [
        [0, 1, 1],
        [1, 1, 1],
      ],
    });
  });
});

describe("several labels", () => {
  it("counts each label where it counts, and examples that are right in all of them", () => {
    const tally = new MultiLabelTally(1, ["a|b", "c"]);
    const rows = addAll(
      tally,
      chunk(
        numbers([
          [1, 0],
          [1, 1],
          [0, 0],
          [1, 1],
        ]),
        [
          [
            [0.9, 0.2],
            [0.5, 0.4],
            [0.6, 0.1],
            [0.1, 0.1],
          ],
        ],
        {
          mask: numbers([
            [1, 1],
            [1, 1],
            [1, 0],
            [0, 0],
          ]),
        },
      ),
    );
    expect(rows).toEqual([
      { wrong: false, targetLabels: "|a¦b|", predictedLabels: "|a¦b|" },
      { wrong: true, targetLabels: "|a¦b|c|", predictedLabels: "|a¦b|" },
      { wrong: true, targetLabels: "", predictedLabels: "|a¦b|" },
      {},
    ]);
    expect(tally.outcome()).toEqual({
      kind: "multiLabel",
      counted: 3,
      right: [1],
      labels: [
        { label: "a|b", truePositives: 2, falsePositives: 1, falseNegatives: 0, trueNegatives: 0 },
        { label: "c", truePositives: 0, falsePositives: 0, falseNegatives: 1, trueNegatives: 1 },
      ],
    });
  });
});

describe("a label at each position", () => {
  it("counts positions, and what is taken for what", () => {
    const tally = new PositionTally(1, (index) => `tag ${index}`);
    const rows = addAll(
      tally,
      chunk(
        classes([0, 1, -1, 1, 1, -1, -1, -1, -1], 3),
        [
          [
            [2, 1, 0.3],
            [2, 2, 0.3],
            [0, 0, 0],
          ],
        ],
        { predicted: [0, 2, 2, 2, 0, 0, 0, 0, 0] },
      ),
    );
    expect(rows).toEqual([
      { wrong: true, confused: Int32Array.of(1, 2) },
      { wrong: true, confused: Int32Array.of(1, 2, 1, 0) },
      {},
    ]);
    expect(tally.confusions(Int32Array.of(1, 0, 1, 2))).toBe("|tag 1→tag 2|tag 1→tag 0|");
    expect(tally.confusions(Int32Array.of(2, 1))).toBe("");
    expect(tally.outcome()).toEqual({
      kind: "positions",
      counted: 4,
      right: [1],
      confusions: [
        { target: "tag 1", predicted: "tag 2", count: 2 },
        { target: "tag 1", predicted: "tag 0", count: 1 },
      ],
    });
  });
});

describe("numbers", () => {
  it("has signed errors of one output, and shares of variance", () => {
    const tally = new ValueTally(undefined);
    const rows = addAll(tally, chunk(numbers([[1], [2], [6]]), [[[2], [2], [4]]]));
    expect(rows).toEqual([
      { error: 1, absoluteError: 1 },
      { error: 0, absoluteError: 0 },
      { error: -2, absoluteError: 2 },
    ]);
    const outcome = tally.outcome();
    const [only] = outcome.kind === "values" ? outcome.outputs : [];
    expect(only).toMatchObject({ name: "output 0", count: 3, meanAbsoluteError: 1 });
    expect(only?.meanError).toBeCloseTo(-1 / 3, 12);
    expect(only?.rootMeanSquare).toBeCloseTo(Math.sqrt(5 / 3), 12);
    // Targets 1, 2, 6 have the mean 3 and squared distances 4 + 1 + 9.
    expect(only?.explained).toBeCloseTo(1 - 5 / 14, 12);
  });

  it("says nothing of variance where the targets are all alike, and skips what does not count", () => {
    const tally = new ValueTally(["a", "b"]);
    const given = chunk(
      numbers([
        [3, 1],
        [3, 2],
      ]),
      [
        [
          [3, 2],
          [4, 9],
        ],
      ],
      {
        mask: numbers([
          [1, 1],
          [1, 0],
        ]),
      },
    );
    expect(addAll(tally, given)).toEqual([{ absoluteError: 0.5 }, { absoluteError: 1 }]);
    expect(tally.outcome()).toMatchObject({
      outputs: [
        { name: "a", count: 2, explained: null },
        { name: "b", count: 1, meanError: 1, explained: null },
      ],
    });
  });
});
