import { trainingData } from "../core/config/project.ts";
import type { RunRecord } from "../core/store/record.ts";
import { profiled } from "../core/tracin/profile.ts";
import type { QuerySelection } from "../core/tracin/scores.ts";
import { describeQuery, predictionForm, titleOf } from "./describe-queries.ts";
import { keepExample } from "./given.ts";
import { scoreTask } from "./index-answer.ts";
import { withMessage } from "./progress.ts";
import { type JobOptions, type RunPlan, saveRun } from "./save-run.ts";
import type { ScorerInUse } from "./scoring.ts";

export interface Question {
  /** Empty: self-influence and losses alone. */
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate?: boolean;
  /** False computes all scores exactly; otherwise an index of the project that is up to date is asked. */
  readonly useIndex?: boolean;
}

/**
 * Scores all training examples on the question's queries and saves a run. Nothing is left behind when it is
 * cancelled or fails.
 */
export async function runJob(
  opened: ScorerInUse,
  question: Question,
  options: JobOptions,
): Promise<RunRecord> {
  const { project, settings } = opened;
  const { profile } = settings;
  const { selection } = question;
  const aggregate = question.aggregate ?? false;
  options.onProgress?.(withMessage({ phase: "queries", done: 0, total: 1 }));
  const results = await profiled(profile, "queries", () =>
    opened.scorer.queries(selection, options.signal),
  );
  const described = await Promise.all(results.map((result) => describeQuery(opened, result)));
  const title = titleOf(described, selection, predictionForm(project));
  const stored = selection.filter(({ example }) => example === undefined);
  const work: RunPlan["work"] = async ({ writer, task }) => {
    const kept = selection.map(({ example }, position) =>
      example === undefined
        ? undefined
        : keepExample(example, trainingData(project).target, writer.id, position),
    );
    for (const { name, bytes } of kept.flatMap((keeping) => keeping?.files ?? [])) {
      await writer.attach(name, bytes);
    }
    const queries = described.map((query, position) => {
      const { given, place } = kept[position] ?? { given: undefined, place: query.place };
      return given === undefined ? query : { ...query, given, place };
    });
    const asked = { ...task, selection, aggregate };
    const { fingerprints } = options;
    const { useIndex = true } = question;
    return {
      kind: selection.length === 0 ? ("suspects" as const) : ("explain" as const),
      ...(await scoreTask(opened, asked, { useIndex, fingerprints })),
      aggregate,
      queries,
    };
  };
  return saveRun(
    opened,
    {
      title,
      name: selection.length === 0 ? title : `explain ${title}`,
      queries: aggregate ? Math.min(1, selection.length) : selection.length,
      datasets: stored.map(({ dataset }) => dataset),
      work,
    },
    options,
  );
}
