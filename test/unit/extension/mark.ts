import type { Mark } from "../../../src/protocol/lists.ts";

/** A mark on a row, with what a test says of it. */
export function markOf(known: Partial<Mark>): Mark {
  return {
    kind: "suspect",
    dataset: "train",
    rank: 1,
    value: 1,
    place: { file: "train.csv", line: 1, lineCount: 1 },
    index: 0,
    target: "cat",
    predicted: "dog",
    reading: "probabilities",
    suggested: undefined,
    selfInfluence: 1,
    loss: 1,
    margin: undefined,
    ...known,
  };
}
