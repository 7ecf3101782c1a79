import type { Project } from "../core/config/project.ts";
import { formatPlace, labelName } from "../core/label-text.ts";
import { labelValues, type PredictionForm } from "../core/store/readings.ts";
import type { RunQuery } from "../core/store/record.ts";
import { datasetOfQuery, readingOf } from "../core/tracin/questions.ts";
import type { QueryResult, QuerySelection } from "../core/tracin/scores.ts";
import { describeExamples, placeOf } from "./examples.ts";
import type { ScorerInUse } from "./scoring.ts";

/** What is explained where the labels at all positions are those that the model predicts. */
const predictionAtPositions = "the prediction at each position";
/** Characters of a label in the title of a run. */
const longestLabel = 40;

/** What the numbers are that are known of a prediction. */
export function predictionForm(project: Project): PredictionForm {
  return {
    loss: project.loss.type,
    reading: readingOf(project),
    labels: project.encoder.labels,
  };
}

/** What a run remembers of a query. */
export async function describeQuery(
  { project }: ScorerInUse,
  result: QueryResult,
): Promise<RunQuery> {
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
    // Where the prediction alone is explained there is nothing that it could be compared with.
    ...(example?.hasTarget === false && form.reading === "positions"
      ? {}
      : summaryOf(project, form, result)),
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

/** The title of a run about some queries. */
export function titleOf(
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
