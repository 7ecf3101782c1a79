import { datasetOf, type Project } from "../core/config/project.ts";
import { searchTexts } from "../core/datasets/search-text.ts";
import { TracInError } from "../core/errors.ts";
import { type Evaluated, evaluateDataset, meanLosses } from "../core/evaluation/evaluate.ts";
import { sliceFilter, sliceTitle, type TestSlice } from "../core/evaluation/slice.ts";
import { writeTestTable } from "../core/evaluation/table.ts";
import { RankedTable } from "../core/store/ranked-table.ts";
import type { RunRecord } from "../core/store/record.ts";
import type { Scorer } from "../core/tracin/scorer.ts";
import type { ScoreChunk } from "../core/tracin/scores.ts";
import { describeExamples } from "./examples.ts";
import { scoreTask } from "./index-answer.ts";
import { withMessage } from "./progress.ts";
import { type JobOptions, saveRun } from "./save-run.ts";
import type { ScorerInUse } from "./scoring.ts";

/** What is asked about a test set. */
export interface TestSetQuestion {
  readonly dataset: string;
  readonly slice: TestSlice;
  /** False computes all scores exactly; otherwise an index of the project that is up to date is asked. */
  readonly useIndex?: boolean | undefined;
}

/** Evaluations of the datasets of each open project: another slice of the same test set needs no second look. */
const evaluations = new WeakMap<Scorer, Map<string, Promise<Evaluated>>>();

/**
 * Scores all training examples on a slice of a test set and saves a run, with the model's predictions of the whole test
 * set. The score of a training example is the mean of its scores on the examples of the slice; their gradients are
 * added up first, so its cost does not grow with the slice beyond one pass over it for each checkpoint.
 *
 * @throws kind `data` when the slice is empty, kind `config` when the slice makes no sense for the test set
 */
export async function runTestSet(
  opened: ScorerInUse,
  { dataset, slice, useIndex = true }: TestSetQuestion,
  options: JobOptions,
): Promise<RunRecord> {
  const { project } = opened;
  const { signal } = options;
  const { length, file } = datasetOf(project, dataset);
  const title = `${dataset}, ${sliceTitle(slice)}`;
  return saveRun(
    opened,
    {
      title,
      name: `test set ${title}`,
      queries: 1,
      datasets: [dataset],
      opponentsFirst: true,
      work: async ({ writer, task }) => {
        const evaluated = await evaluate(opened, dataset, options);
        const path = await writeTestTable(
          writer.folder,
          evaluated,
          (start, end) => describeExamples(project, dataset, start, end),
          signal,
        );
        const chosen = await choose(project, path, evaluated, slice, signal);
        const [first] = chosen;
        if (first === undefined) {
          throw new TracInError(
            "data",
            slice.kind === "errors"
              ? "The model gets every example of the test set right: there are no errors to explain."
              : `No example of the test set is chosen (${sliceTitle(slice)}).`,
            { file },
            "Choose other examples of the test set, or all of them.",
          );
        }
        const selection = Array.from(chosen, (index) => ({
          dataset,
          index,
          explain: "target" as const,
        }));
        const mean = (chunk: ScoreChunk) => scaled(chunk, 1 / chosen.length);
        const { fingerprints } = options;
        const { onEstimates } = task;
        const found = await scoreTask(
          opened,
          {
            ...task,
            selection,
            aggregate: true,
            onChunk: (chunk) => task.onChunk(mean(chunk)),
            onEstimates: onEstimates && ((chunk) => onEstimates(mean(chunk))),
          },
          { useIndex, fingerprints },
        );
        return {
          kind: "testSet",
          ...found,
          aggregate: true,
          queries: [],
          testSet: {
            dataset,
            file,
            examples: length,
            slice,
            chosen: chosen.length,
            losses: meanLosses(evaluated),
            chosenLosses: meanLosses(evaluated, chosen),
            outcome: evaluated.outcome,
          },
        };
      },
    },
    options,
  );
}

/** A chunk with its scores times a factor. */
function scaled(chunk: ScoreChunk, factor: number): ScoreChunk {
  return { ...chunk, scoreParts: chunk.scoreParts.map((part) => factor * part) };
}

/** Losses and predictions of a dataset, computed once for an open project. */
async function evaluate(
  { project, scorer }: ScorerInUse,
  dataset: string,
  { signal, onProgress }: JobOptions,
): Promise<Evaluated> {
  const known = evaluations.get(scorer) ?? new Map<string, Promise<Evaluated>>();
  evaluations.set(scorer, known);
  const found =
    known.get(dataset) ??
    evaluateDataset(project, scorer, dataset, {
      signal,
      onProgress: (progress) => onProgress?.(withMessage(progress)),
    });
  known.set(dataset, found);
  try {
    return await found;
  } catch (error) {
    known.delete(dataset);
    throw error;
  }
}

/** The examples of a slice, in file order. */
async function choose(
  project: Project,
  path: string,
  { dataset, examples, outcome }: Evaluated,
  slice: TestSlice,
  signal: AbortSignal,
): Promise<Int32Array> {
  const filter = sliceFilter(slice, outcome);
  const size = { examples: examples.length, queries: 0 };
  const table = await RankedTable.open(path, "test.parquet", size);
  try {
    return await table.members(
      { view: "all", query: -1, filter },
      (start, end) => searchTexts(datasetOf(project, dataset), start, end),
      signal,
    );
  } finally {
    table.close();
  }
}
