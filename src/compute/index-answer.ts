import { answerFromIndex, type IndexQuestion } from "../core/index/answer.ts";
import type { IndexAnswer } from "../core/index/candidates.ts";
import type { IndexManifest } from "../core/index/manifest.ts";
import { indexState } from "../core/index/state.ts";
import type { Fingerprints } from "../core/store/inputs.ts";
import type { RunRecord } from "../core/store/record.ts";
import { openIndex } from "./open-index.ts";
import { type ScorerInUse, type ScoringTask, scoreAll } from "./scoring.ts";

/** Whether an index may answer, and what tells of changed files. */
export interface IndexUse {
  /** False computes all scores. */
  readonly useIndex: boolean;
  readonly fingerprints: Fingerprints;
}

/** What hears of the scores of an index before the best of them are computed. */
export type Estimating = Pick<IndexQuestion, "onEstimates">;

/**
 * Scores all training examples, from an index of the project where one answers questions as they are now.
 *
 * @returns what a run remembers of it
 */
export async function scoreTask(
  opened: ScorerInUse,
  task: ScoringTask & Estimating,
  { useIndex, fingerprints }: IndexUse,
): Promise<Pick<RunRecord, "processes" | "index" | "indexUnused">> {
  const { manifest, unused } = useIndex ? await usableIndex(opened, fingerprints) : {};
  if (manifest === undefined) {
    const processes = await scoreAll(opened, task);
    return { processes, ...(unused === undefined ? {} : { indexUnused: [...unused] }) };
  }
  const { processes, ...answer } = await scoreFromIndex(opened, manifest, task);
  return { processes, index: { kept: keptText(manifest), ...answer } };
}

/** The index of a project if it answers questions as they are now; else why it does not, where there is one. */
export async function usableIndex(
  { project, scorer }: ScorerInUse,
  fingerprints: Fingerprints,
): Promise<{ readonly manifest?: IndexManifest; readonly unused?: readonly string[] }> {
  try {
    const state = await indexState(project, scorer.parameters, fingerprints);
    switch (state.kind) {
      case "none":
        return {};
      case "valid":
        return { manifest: state.manifest };
      case "stale":
        return { unused: state.reasons };
    }
  } catch (error) {
    // A question can be answered without.
    return { unused: [error instanceof Error ? error.message : String(error)] };
  }
}

/** What an index keeps of each example and checkpoint, as a person reads it. */
export function keptText({ settings, width, exact }: IndexManifest): string {
  return settings.type === "factors"
    ? `factors, ${width} x float32`
    : `${exact ? "whole gradients" : "sketches"}, ${width} x ${settings.numbers}`;
}

/**
 * Scores all training examples from an index of the project, exactly where the ranking depends on it.
 *
 * @returns how the scores were found, and how many processes worked
 */
export async function scoreFromIndex(
  opened: ScorerInUse,
  manifest: IndexManifest,
  task: ScoringTask & Estimating,
): Promise<IndexAnswer & Pick<RunRecord, "processes">> {
  const { project, scorer, settings } = opened;
  let processes = 1;
  const answer = await answerFromIndex({
    ...task,
    project,
    scorer,
    index: await openIndex(opened, manifest),
    scoreRows: async (rows) => {
      const exact = await scoreRows(opened, task, rows);
      processes = exact.processes;
      return exact.parts;
    },
    profile: settings.profile,
    memoryLimit: settings.memoryLimit / 4,
  });
  return { ...answer, processes };
}

/** The exact parts of chosen examples, [C, rows, queries], and how many processes computed them. */
async function scoreRows(
  opened: ScorerInUse,
  { selection, aggregate, signal, onProgress }: ScoringTask,
  rows: readonly number[],
): Promise<{ readonly parts: Float32Array; readonly processes: number }> {
  const checkpoints = opened.project.checkpoints.length;
  const queries = aggregate ? Math.min(1, selection.length) : selection.length;
  const parts = new Float32Array(checkpoints * rows.length * queries);
  const processes = await scoreAll(opened, {
    selection,
    aggregate,
    rows,
    signal,
    onProgress: ({ phase, ...step }) =>
      phase === "scoring" && onProgress?.({ ...step, phase: "reranking" }),
    onChunk: ({ start, size, scoreParts }) => {
      for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
        const from = checkpoint * size * queries;
        const to = (checkpoint * rows.length + start) * queries;
        parts.set(scoreParts.subarray(from, from + size * queries), to);
      }
    },
  });
  return { parts, processes };
}
