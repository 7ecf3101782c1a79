import { expect } from "vitest";
import { scoreFromIndex } from "../../../src/compute/index-answer.ts";
import { buildIndex } from "../../../src/compute/index-build.ts";
import {
  type OpenScorer,
  openScorer,
  type ScorerInUse,
  scoreAll,
} from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import type { IndexSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { Fingerprints } from "../../../src/core/store/inputs.ts";
import type { QuerySelection, ScoreChunk } from "../../../src/core/tracin/scores.ts";

export const signal = new AbortController().signal;
export const fingerprints = () => new Fingerprints();

export async function withScorer<Result>(
  root: string,
  action: (opened: OpenScorer) => Promise<Result>,
  config = "tracin.json",
  memoryLimit = 800,
): Promise<Result> {
  const opened = await openScorer({
    root,
    config,
    settings: computeSettings({ processes: 1, memoryLimit }),
  });
  try {
    return await action(opened);
  } finally {
    await opened.close();
  }
}

export function build(opened: ScorerInUse, settings: IndexSettings, blockRows?: number) {
  return buildIndex(opened, { settings, blockRows, fingerprints: fingerprints(), signal });
}

export const questions = (count: number): QuerySelection[] =>
  Array.from({ length: count }, (_, index) => ({ dataset: "test", index, explain: "target" }));

/** Scores, self-influence, losses and predictions of all examples, in their order. */
export function collector(checkpoints: number) {
  const all = {
    scores: [] as number[][],
    self: [] as number[],
    losses: [] as number[],
    margins: [] as number[],
  };
  const predictions: number[] = [];
  return {
    ...all,
    predictions,
    onChunk: ({ start, size, ...chunk }: ScoreChunk) => {
      const queries = chunk.scoreParts.length / (checkpoints * size);
      for (let row = 0; row < size; row++) {
        const sums = new Array<number>(queries).fill(0);
        let [self, loss, margin] = [0, 0, 0];
        for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
          const at = checkpoint * size + row;
          self += chunk.selfParts[at] ?? Number.NaN;
          loss += chunk.losses[at] ?? Number.NaN;
          margin += chunk.margins[at] ?? Number.NaN;
          for (let query = 0; query < queries; query++) {
            sums[query] =
              (sums[query] ?? 0) + (chunk.scoreParts[at * queries + query] ?? Number.NaN);
          }
        }
        all.scores[start + row] = sums;
        all.self[start + row] = self;
        all.losses[start + row] = loss;
        all.margins[start + row] = margin;
      }
      const width = chunk.predictions.length / size;
      chunk.predictions.forEach((value, place) => {
        predictions[start * width + place] = value;
      });
    },
  };
}

export async function exactScores(
  opened: ScorerInUse,
  selection: readonly QuerySelection[],
  aggregate = false,
) {
  const exact = collector(opened.project.checkpoints.length);
  await scoreAll(opened, { selection, aggregate, onChunk: exact.onChunk, signal });
  return exact;
}

export async function indexScores(
  opened: ScorerInUse,
  selection: readonly QuerySelection[],
  aggregate = false,
) {
  const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
  if (state.kind !== "valid") {
    throw new Error(`The index is ${state.kind}: ${JSON.stringify(state)}`);
  }
  const found = collector(opened.project.checkpoints.length);
  const facts = await scoreFromIndex(opened, state.manifest, {
    selection,
    aggregate,
    onChunk: found.onChunk,
    signal,
  });
  return { ...found, facts };
}

/** Largest difference, relative to the largest expected number; 0 where nothing is expected. */
export function worst(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const differences = expected.map((value, index) =>
    Math.abs(value - (actual[index] ?? Number.NaN)),
  );
  return expected.length === 0 ? 0 : Math.max(...differences) / scale;
}

export const column = (scores: readonly (readonly number[])[], query: number) =>
  scores.map((row) => row[query] ?? Number.NaN);
