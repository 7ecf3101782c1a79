import type { RunRecord } from "../../../src/core/store/record.ts";
import { RunWriter } from "../../../src/core/store/writer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";

const labels = ["cat", "dog", "owl"];
const checkpoints = 2;
const queries = 2;

/** Values that a test can compute again: example i, query m, checkpoint c. */
export const part = (i: number, m: number, c: number) =>
  Math.fround(Math.sin(3 * i + 5 * m + 7 * c));
const self = (i: number, c: number) => Math.fround((i % 7) + c);
export const loss = (i: number, c: number) => Math.fround((i % 5) + 2 * c);
/** Example 11 has no label that counts. */
export const margin = (i: number, c: number) => (i === 11 ? Number.NaN : ((i % 3) - 1 + c) / 4);

/** Scores of examples from a place on. */
export function chunk(start: number, size: number, hasMargins = false): ScoreChunk {
  const scoreParts = new Float32Array(checkpoints * size * queries);
  const selfParts = new Float32Array(checkpoints * size);
  const losses = new Float32Array(checkpoints * size);
  const margins = new Float32Array(hasMargins ? checkpoints * size : 0);
  const predictions = new Float32Array(size * labels.length);
  for (let row = 0; row < size; row++) {
    const i = start + row;
    for (let c = 0; c < checkpoints; c++) {
      selfParts[c * size + row] = self(i, c);
      losses[c * size + row] = loss(i, c);
      margins[c * size + row] = margin(i, c);
      for (let m = 0; m < queries; m++) {
        scoreParts[(c * size + row) * queries + m] = part(i, m, c);
      }
    }
    predictions.set([0.25, 0.25, 0.25], row * labels.length);
    predictions[row * labels.length + (i % 3)] = 0.5;
  }
  return { start, size, scoreParts, selfParts, losses, margins, predictions };
}

/** What is told of a run. */
export function record(id: string, examples: number): RunRecord {
  const query = (index: number) => ({
    dataset: "test",
    index,
    place: { file: "test.csv", line: 1, lineCount: 1 },
    target: "cat",
    prediction: [{ label: "cat", value: 1 }],
    explained: "cat",
    losses: [0.1, 0.2],
  });
  return {
    version: 1,
    id,
    kind: "explain",
    created: new Date().toISOString(),
    title: "test 0",
    tracin: "0.1.0",
    config: "tracin.json",
    checkpointFiles: ["*.pt"],
    examples,
    checkpoints: [1, 2].map((n) => ({
      file: `epoch-${n}.pt`,
      learningRate: 0.1,
      learningRateSource: "tracin.json",
      weight: 0.1,
      warnings: [],
    })),
    layers: "all",
    parameters: ["fc.weight"],
    loss: "softmax-cross-entropy",
    reading: "probabilities",
    engine: "reference",
    processes: 1,
    seconds: 1,
    labels,
    aggregate: false,
    queries: [query(0), query(1)],
    inputs: [],
  };
}

/** Begins a run in a folder. */
export function createWriter(
  root: string,
  id: string,
  examples: number,
  signal?: AbortSignal,
  margins = false,
): Promise<RunWriter> {
  return RunWriter.create({
    root,
    id,
    ...(signal === undefined ? {} : { signal }),
    shape: { checkpoints, queries, margins },
    examples,
    prediction: { loss: "softmax-cross-entropy", reading: "probabilities", labels },
    describe: async (start, end) =>
      Array.from({ length: end - start }, (_, row) => ({
        locator: {
          file: "train's.csv",
          line: 2 * (start + row) + 1,
          lineCount: 2,
          start: 0,
          end: 1,
          ...((start + row) % 2 === 0 ? { image: `img/${start + row}.png` } : {}),
        },
        content: `content-${start + row}`,
        target: "cat",
      })),
  });
}

/** Writes a whole run, in chunks of the ranges. */
export async function writeRun(
  root: string,
  id: string,
  examples: number,
  ranges: readonly [number, number][],
) {
  const writer = await createWriter(root, id, examples);
  await Promise.all(ranges.map(([start, end]) => writer.add(chunk(start, end - start))));
  await writer.finish(() => record(id, examples));
}
