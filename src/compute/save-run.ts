import { version } from "../../package.json";
import { checkpointFacts } from "../core/config/checkpoint-summary.ts";
import { trainingData } from "../core/config/project.ts";
import { throwIfAborted } from "../core/errors.ts";
import { newRunId } from "../core/store/folder.ts";
import { type Fingerprints, projectInputs } from "../core/store/inputs.ts";
import type { RunRecord } from "../core/store/record.ts";
import { RunWriter } from "../core/store/writer.ts";
import { profiled } from "../core/tracin/profile.ts";
import { readingOf } from "../core/tracin/questions.ts";
import type { ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import type { Progress } from "../protocol/compute.ts";
import type { EarlyRanking } from "../protocol/early.ts";
import { predictionForm } from "./describe-queries.ts";
import { EarlyRows } from "./early.ts";
import { describeExamples } from "./examples.ts";
import type { Estimating } from "./index-answer.ts";
import { withMessage } from "./progress.ts";
import type { ScorerInUse, ScoringTask } from "./scoring.ts";

export interface JobOptions {
  readonly fingerprints: Fingerprints;
  /** `performance.now()` when the person asked; now unless told. */
  readonly started?: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Receives the first places of the lists from time to time, while chunks arrive. */
  readonly onRanking?: ((ranking: EarlyRanking) => void) | undefined;
  readonly signal: AbortSignal;
}

/** What a run computes. */
export interface RunPlan {
  readonly title: string;
  /** What its id is made of. */
  readonly name: string;
  /** Scores of a training example. */
  readonly queries: number;
  /** Datasets besides the training data that it depends on. */
  readonly datasets: readonly string[];
  /** Whether what raised the loss is shown first. */
  readonly opponentsFirst?: boolean;
  /** Does the work, hands its chunks to the task's `onChunk`, and says what the record has of it. */
  work(
    run: RunInWork,
  ): Promise<
    Pick<
      RunRecord,
      "kind" | "processes" | "aggregate" | "queries" | "testSet" | "index" | "indexUnused"
    >
  >;
}

/** A run that is being computed. */
export interface RunInWork {
  readonly writer: RunWriter;
  readonly task: Omit<ScoringTask, "selection" | "aggregate"> & Estimating;
}

/** Saves what a plan computes as a run. Nothing is left behind when it is cancelled or fails. */
export async function saveRun(
  opened: ScorerInUse,
  plan: RunPlan,
  options: JobOptions,
): Promise<RunRecord> {
  const { project, scorer, settings } = opened;
  const { profile } = settings;
  const { signal } = options;
  const started = options.started ?? performance.now();
  const created = new Date();
  const { title } = plan;
  const report = (progress: ScoreProgress) => options.onProgress?.(withMessage(progress));
  const id = newRunId(created, plan.name);
  const datasets = new Set(["train", ...plan.datasets]);
  const inputs = projectInputs(project, [...datasets]).then(({ files, imageFolders }) => {
    const list = { files: [opened.config, ...files], imageFolders };
    return options.fingerprints.take(project.root, list, signal);
  });
  inputs.catch(() => undefined);
  const examples = trainingData(project).length;
  const margins = readingOf(project) === "probabilities";
  const prediction = predictionForm(project);
  const { onRanking } = options;
  const { queries, opponentsFirst = false } = plan;
  const early =
    onRanking &&
    new EarlyRows({ project, prediction, queries, margins, opponentsFirst, onRanking });
  const writer = await RunWriter.create({
    root: project.root,
    id,
    shape: { checkpoints: project.checkpoints.length, queries: plan.queries, margins },
    examples,
    prediction,
    describe: (start, end) => describeExamples(project, "train", start, end),
    memoryLimit: settings.memoryLimit / 4,
    signal,
  });
  try {
    const onChunk = (chunk: ScoreChunk) => {
      early?.add(chunk);
      return profiled(profile, "writing", () => writer.add(chunk));
    };
    const onEstimates = early && ((chunk: ScoreChunk) => early.add(chunk));
    const task = { onChunk, onEstimates, onProgress: report, signal };
    const found = await plan.work({ writer, task });
    report({ phase: "writing", done: 0, total: 1 });
    const files = project.config.checkpoints.files;
    // Images are hashed when the engine has done its work, so that the first rows do not wait for it.
    const fingerprints = await profiled(profile, "hashing", async () =>
      options.fingerprints.withContents(project.root, await inputs, signal),
    );
    throwIfAborted(signal);
    const record = (): RunRecord => ({
      version: 1,
      id,
      created: created.toISOString(),
      title,
      tracin: version,
      config: opened.config,
      checkpointFiles: typeof files === "string" ? [files] : files,
      examples,
      checkpoints: project.checkpoints.map((checkpoint) => {
        const {
          groups,
          warnings,
          previousRate: _previous,
          surplus: _surplus,
          missing: _missing,
          ...facts
        } = checkpointFacts(checkpoint);
        const copied = groups?.map(({ learningRate, parameters }) => ({
          learningRate,
          parameters: [...parameters],
        }));
        return {
          ...facts,
          ...(copied === undefined ? {} : { groups: copied }),
          warnings: [...warnings],
        };
      }),
      ...(project.readPreconditioner === undefined ? {} : { preconditioner: "from-file" as const }),
      layers: typeof opened.layers === "string" ? opened.layers : opened.layers.join(", "),
      parameters: [...scorer.parameters],
      loss: project.loss.type,
      reading: readingOf(project),
      ...(margins ? { margins } : {}),
      engine: opened.choice.engine.name,
      seconds: (performance.now() - started) / 1000,
      ...(project.encoder.labels === undefined ? {} : { labels: [...project.encoder.labels] }),
      ...found,
      inputs: fingerprints,
    });
    return await profiled(profile, "writing", () => writer.finish(record));
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    early?.end();
  }
}
