import { lossFamily } from "../config/loss-schema.ts";
import { datasetOf, type Project } from "../config/project.ts";
import { type PredictionForm, readOutputs } from "../store/readings.ts";
import type { EvaluatedChunk } from "../tracin/evaluation.ts";
import { readingOf } from "../tracin/questions.ts";
import type { Scorer } from "../tracin/scorer.ts";
import type { ScoreProgress } from "../tracin/scores.ts";
import type { TestOutcome } from "./outcome.ts";
import { LabelTally } from "./tallies/labels.ts";
import { MultiLabelTally } from "./tallies/multi-label.ts";
import { PositionTally } from "./tallies/positions.ts";
import { LossTally, type RowOutcome, type Tally } from "./tallies/tally.ts";
import { ValueTally } from "./tallies/values.ts";

/** What the model makes of one example of a test set, at the last checkpoint. */
export interface TestedExample {
  readonly predicted: string;
  /** Probability of it, where there is one. */
  readonly probability: number | undefined;
  /** Undefined where the example has no target, or there is no right and wrong. */
  readonly wrong: boolean | undefined;
  /** Prediction minus target, of a regression with one output. */
  readonly error: number | undefined;
  /** Mean over the outputs of a regression. */
  readonly absoluteError: number | undefined;
  /** For several labels, each between bars: `|cat|dog|`. */
  readonly targetLabels: string | undefined;
  readonly predictedLabels: string | undefined;
  /** For labels at positions, those of the outcome's confusions that it has, each between bars: `|cat→dog|`. */
  readonly confusions: string | undefined;
}

/** Losses and predictions of a whole test set. N examples, C checkpoints. */
export interface Evaluated {
  readonly dataset: string;
  readonly examples: readonly TestedExample[];
  /** [N, C] */
  readonly losses: Float32Array;
  readonly checkpoints: number;
  readonly outcome: TestOutcome;
}

/** Runs the model over a dataset at every checkpoint. Throws kind `cancelled` when the signal is aborted. */
export async function evaluateDataset(
  project: Project,
  scorer: Scorer,
  name: string,
  options: { readonly signal?: AbortSignal; onProgress?(progress: ScoreProgress): void },
): Promise<Evaluated> {
  const dataset = datasetOf(project, name);
  const checkpoints = project.checkpoints.length;
  const reading = readingOf(project);
  const form: PredictionForm = {
    loss: project.loss.type,
    reading,
    labels: project.encoder.labels,
  };
  const tally = tallyOf(project, form);
  const losses = new Float32Array(dataset.length * checkpoints);
  const found: (Omit<TestedExample, "confusions"> & Pick<RowOutcome, "confused">)[] = [];
  await scorer.evaluate(dataset, (chunk) => collect(chunk), options);
  const examples = found.map(
    ({ confused, ...example }): TestedExample => ({
      ...example,
      confusions: confused && tally.confusions?.(confused),
    }),
  );
  return { dataset: name, examples, losses, checkpoints, outcome: tally.outcome() };

  function collect(chunk: EvaluatedChunk): void {
    const { predictions = new Float32Array(0) } = chunk.checkpoints.at(-1) ?? {};
    const width = predictions.length / Math.max(1, chunk.size);
    for (let row = 0; row < chunk.size; row++) {
      const { wrong, error, absoluteError, targetLabels, predictedLabels, confused } = tally.add(
        chunk,
        row,
      );
      const outputs = predictions.subarray(row * width, (row + 1) * width);
      const { predicted, probability } = readOutputs(form, outputs, "");
      found.push({
        ...(confused === undefined ? {} : { confused }),
        predicted,
        probability,
        wrong,
        error,
        absoluteError,
        targetLabels,
        predictedLabels,
      });
      for (const [checkpoint, evaluation] of chunk.checkpoints.entries()) {
        losses[(chunk.start + row) * checkpoints + checkpoint] =
          evaluation.losses[row] ?? Number.NaN;
      }
    }
  }
}

function tallyOf(project: Project, { loss, reading, labels }: PredictionForm): Tally {
  const checkpoints = project.checkpoints.length;
  switch (reading) {
    case "probabilities":
      return lossFamily(loss) === "classes"
        ? new LabelTally(checkpoints, labels)
        : new MultiLabelTally(checkpoints, labels);
    case "positions":
      return new PositionTally(checkpoints, (index) => project.encoder.className(index));
    case "values":
      // A loss that the model computes may be of anything: its prediction is not compared with the target.
      return loss === "output" ? new LossTally() : new ValueTally(labels);
    case "outputs":
    case "none":
      return new LossTally();
  }
}

/** Mean loss at each checkpoint, of all examples or some. */
export function meanLosses(
  { losses, checkpoints, examples }: Evaluated,
  chosen: Iterable<number> = examples.keys(),
): number[] {
  const sums = new Array<number>(checkpoints).fill(0);
  let count = 0;
  for (const example of chosen) {
    count++;
    for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
      sums[checkpoint] =
        (sums[checkpoint] ?? 0) + (losses[example * checkpoints + checkpoint] ?? 0);
    }
  }
  return sums.map((sum) => sum / Math.max(1, count));
}
