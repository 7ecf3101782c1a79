import { version } from "../../package.json";
import { checkpointFacts } from "../core/config/checkpoint-summary.ts";
import { type Project, trainingData } from "../core/config/project.ts";
import { throwIfAborted } from "../core/errors.ts";
import { formatPlace, labelName } from "../core/label-text.ts";
import { newRunId } from "../core/store/folder.ts";
import { type Fingerprints, projectInputs } from "../core/store/inputs.ts";
import { labelValues, type PredictionForm } from "../core/store/readings.ts";
import type { RunQuery, RunRecord } from "../core/store/record.ts";
import { RunWriter } from "../core/store/writer.ts";
import { profiled } from "../core/tracin/profile.ts";
import { datasetOfQuery, readingOf } from "../core/tracin/questions.ts";
import type {
  QueryResult,
  QuerySelection,
  ScoreChunk,
  ScoreProgress,
} from "../core/tracin/scores.ts";
import type { Progress } from "../protocol/compute.ts";
import { describeExamples, placeOf } from "./examples.ts";
import { keepExample } from "./given.ts";
import { indexRecord, scoreFromIndex, usableIndex } from "./index-answer.ts";
import { type ScorerInUse, type ScoringTask, scoreAll } from "./scoring.ts";

export interface Question {
  /** Empty: self-influence and losses alone. */
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate?: boolean;
  /** False computes all scores exactly; otherwise an index of the project that is up to date is asked. */
  readonly useIndex?: boolean;
}

/** What is explained where the labels at all positions are those that the model predicts. */
const predictionAtPositions = "the prediction at each position";
/** Characters of a label in the title of a run. */
const longestLabel = 40;

export interface JobOptions {
  readonly fingerprints: Fingerprints;
  /** `performance.now()` when the person asked; now unless told. */
  readonly started?: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal: AbortSignal;
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
  const work = async (writer: RunWriter, task: Omit<ScoringTask, "selection" | "aggregate">) => {
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
    const { manifest, unused } =
      question.useIndex === false ? {} : await usableIndex(opened, options.fingerprints);
    const index =
      manifest && (await profiled(profile, "index", () => scoreFromIndex(opened, manifest, asked)));
    const processes = index === undefined ? await scoreAll(opened, asked) : 1;
    return {
      kind: selection.length === 0 ? ("suspects" as const) : ("explain" as const),
      ...(index === undefined || manifest === undefined
        ? {}
        : { index: indexRecord(manifest, index) }),
      ...(unused === undefined ? {} : { indexUnused: [...unused] }),
      processes,
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

/** What a run computes. */
export interface RunPlan {
  readonly title: string;
  /** What its id is made of. */
  readonly name: string;
  /** Scores of a training example. */
  readonly queries: number;
  /** Datasets besides the training data that it depends on. */
  readonly datasets: readonly string[];
  /** Does the work, hands its chunks to the task's `onChunk`, and says what the record has of it. */
  work(
    writer: RunWriter,
    task: Omit<ScoringTask, "selection" | "aggregate">,
  ): Promise<
    Pick<
      RunRecord,
      "kind" | "processes" | "aggregate" | "queries" | "testSet" | "index" | "indexUnused"
    >
  >;
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
  const inputs = projectInputs(project, opened.config, [...datasets]).then((list) =>
    options.fingerprints.take(project.root, list, signal),
  );
  inputs.catch(() => undefined);
  const examples = trainingData(project).length;
  const margins = readingOf(project) === "probabilities";
  const writer = await RunWriter.create({
    root: project.root,
    id,
    shape: { checkpoints: project.checkpoints.length, queries: plan.queries, margins },
    examples,
    prediction: predictionForm(project),
    describe: (start, end) => describeExamples(project, "train", start, end),
    memoryLimit: settings.memoryLimit / 4,
    signal,
  });
  try {
    const onChunk = (chunk: ScoreChunk) => profiled(profile, "writing", () => writer.add(chunk));
    const found = await plan.work(writer, { onChunk, onProgress: report, signal });
    report({ phase: "writing", done: 0, total: 1 });
    const files = project.config.checkpoints.files;
    const fingerprints = await inputs;
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
        const { groups, warnings, previousRate: _, ...facts } = checkpointFacts(checkpoint);
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
  }
}

/** Progress with a sentence for the status line. */
export function withMessage(progress: ScoreProgress): Progress {
  const percent = Math.floor((100 * progress.done) / Math.max(1, progress.total));
  const messages = {
    opening: "Opening the model, checkpoints and data",
    evaluating: `Running the model on the test set: ${percent}%`,
    queries: "Computing the gradients of the query",
    scoring: `Scoring the training examples: ${percent}%`,
    writing: "Writing the run",
  };
  return { ...progress, message: messages[progress.phase] };
}

function predictionForm(project: Project): PredictionForm {
  return {
    loss: project.loss.type,
    reading: readingOf(project),
    labels: project.encoder.labels,
  };
}

async function describeQuery({ project }: ScorerInUse, result: QueryResult): Promise<RunQuery> {
  const { dataset, index, example } = result.selection;
  const known = example === undefined ? await storedExample(project, dataset, index) : undefined;
  const own =
    example?.hasTarget === true
      ? await project.encoder.targetTexts(datasetOfQuery(project, result.selection), 0, 1)
      : [];
  const form = predictionForm(project);
  const explained =
    result.label !== undefined
      ? labelName(form.labels, result.label)
      : form.reading === "positions" && result.selection.explain === "prediction"
        ? predictionAtPositions
        : undefined;
  return {
    dataset,
    index,
    place: known?.place ?? { file: dataset, line: 0, lineCount: 0 },
    target: known?.target ?? own[0] ?? "",
    prediction: labelValues(form, result.prediction),
    ...summaryOf(project, form, result),
    ...(explained === undefined ? {} : { explained }),
    losses: [...result.losses],
  };
}

async function storedExample(
  project: Project,
  dataset: string,
  index: number,
): Promise<Pick<RunQuery, "place" | "target">> {
  const [info] = await describeExamples(project, dataset, index, index + 1);
  return {
    place: { ...placeOf(project, dataset, index), rowHash: info?.rowHash },
    target: info?.target ?? "",
  };
}

/** What is said of a prediction that is no short list of labels or numbers. */
function summaryOf(
  { loss, encoder }: Project,
  { reading }: PredictionForm,
  { prediction, positions }: QueryResult,
): Pick<RunQuery, "positions" | "outputs"> {
  if (reading === "outputs") {
    const [count = 0, mean = 0] = prediction;
    return { outputs: { count, loss: mean } };
  }
  if (positions === undefined) {
    return {};
  }
  const [count = 0, wrong = 0, mean = 0] = prediction;
  const named = <T extends { target: number; predicted: number }>(entry: T) => ({
    target: encoder.className(entry.target),
    predicted: encoder.className(entry.predicted),
  });
  // The label that position t predicts stands at position t + 1.
  const offset = loss.shift === true ? 1 : 0;
  return {
    positions: {
      count,
      wrong,
      loss: mean,
      worst: positions.worst.map((entry) => ({
        place: formatPlace(entry.position + offset, positions.shape),
        ...named(entry),
        loss: entry.loss,
      })),
      confusions: positions.confusions.map((entry) => ({ ...named(entry), count: entry.count })),
    },
  };
}

function titleOf(
  queries: readonly RunQuery[],
  selection: readonly QuerySelection[],
  form: PredictionForm,
): string {
  const [query] = queries;
  const [first] = selection;
  if (query === undefined || first === undefined) {
    return "suspects in train";
  }
  const name = first.example === undefined ? `${query.dataset} ${query.index}` : query.dataset;
  if (queries.length > 1) {
    return `${name} and ${queries.length - 1} more`;
  }
  if (query.explained === predictionAtPositions) {
    return `${name}, ${predictionAtPositions}`;
  }
  const isOutput = form.reading === "values";
  const what = typeof first.explain === "number" ? (isOutput ? "output" : "label") : first.explain;
  const label = query.explained ?? query.target;
  return `${name}, ${what} ${label.length > longestLabel ? `${label.slice(0, longestLabel)}…` : label}`;
}
