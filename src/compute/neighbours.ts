import { type Project, trainingData } from "../core/config/project.ts";
import type { Fingerprints } from "../core/store/inputs.ts";
import { overCheckpoints } from "../core/tracin/rows.ts";
import type { ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import { type Ranked, TopK } from "../core/tracin/topk.ts";
import type { Neighbour, Neighbours } from "../protocol/lists.ts";
import { placeOf, previewOf } from "./examples.ts";
import { scoreFromIndex, usableIndex } from "./index-answer.ts";
import { type ScorerInUse, scoreAll } from "./scoring.ts";

export interface NeighbourOptions {
  readonly fingerprints: Fingerprints;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Scores of some training examples on another one. */
export interface RankedNeighbours {
  /** Largest positive scores first. */
  readonly for: readonly Ranked[];
  /** Largest negative scores first. */
  readonly against: readonly Ranked[];
}

/**
 * Which training examples argue most for and against the labels of others: their proponents and opponents by the score on
 * the example's own target, each example itself left out. All of them are found in one pass over the data, from the
 * gradient index where there is one.
 *
 * @param indices training examples that are asked about
 * @param limit most neighbours of each kind
 */
export async function rankNeighbours(
  opened: ScorerInUse,
  indices: readonly number[],
  limit: number,
  { fingerprints, onProgress, signal }: NeighbourOptions,
): Promise<readonly RankedNeighbours[]> {
  const checkpoints = opened.project.checkpoints.length;
  const kept = indices.map((index) => ({ index, up: new TopK(limit), down: new TopK(limit) }));
  const onChunk = ({ start, size, scoreParts }: ScoreChunk) => {
    for (const [query, { index, up, down }] of kept.entries()) {
      for (let row = 0; row < size; row++) {
        const score = overCheckpoints(scoreParts, checkpoints, row * kept.length + query);
        if (start + row !== index && score !== 0) {
          (score > 0 ? up : down).push(start + row, Math.abs(score));
        }
      }
    }
  };
  const selection = indices.map((index) => ({
    dataset: "train",
    index,
    explain: "target" as const,
  }));
  const task = { selection, aggregate: false, onChunk, onProgress, signal };
  const { manifest } = await usableIndex(opened, fingerprints);
  if (manifest === undefined) {
    await scoreAll(opened, task);
  } else {
    await scoreFromIndex(opened, manifest, task);
  }
  return kept.map(({ up, down }) => ({
    for: up.sorted(),
    against: down.sorted().map(({ index, value }) => ({ index, value: -value })),
  }));
}

/** Neighbours as a person is shown them. */
export async function showNeighbours(
  project: Project,
  { for: up, against }: RankedNeighbours,
): Promise<Neighbours> {
  const shown = ({ index, value }: Ranked): Promise<Neighbour> => neighbour(project, index, value);
  return {
    for: await Promise.all(up.map(shown)),
    against: await Promise.all(against.map(shown)),
  };
}

async function neighbour(project: Project, index: number, score: number): Promise<Neighbour> {
  const train = trainingData(project);
  const [target = ""] = await project.encoder.targetTexts(train, index, index + 1);
  return {
    index,
    place: placeOf(project, "train", index),
    preview: await previewOf(project, "train", index),
    target,
    score,
  };
}
