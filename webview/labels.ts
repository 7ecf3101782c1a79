import type { LabelValue } from "../src/protocol/examples.ts";
import type { ExplainedLabel, QueryCard } from "../src/protocol/runs.ts";
import { strings } from "./strings.ts";

/** A label that the query can be explained for. */
export interface LabelChoice {
  readonly label: string;
  readonly explain: ExplainedLabel;
  readonly isTarget: boolean;
  readonly isPrediction: boolean;
  readonly selected: boolean;
}

/**
 * The labels to choose from, target and prediction first, the others in the model's order; empty when the
 * loss has no labels to choose.
 */
export function labelChoices(
  query: QueryCard,
  labels: readonly string[] | undefined,
): readonly LabelChoice[] {
  if (query.reading === "positions") {
    return positionChoices(query);
  }
  if (query.choosable) {
    return outputChoices(query, labels);
  }
  const names = labels ?? numberedLabels(query);
  if (names === undefined || query.reading !== "probabilities") {
    return [];
  }
  const predicted = query.prediction[0]?.label;
  const choices = names.map((label, index): LabelChoice => {
    const isTarget = label === query.target;
    const isPrediction = label === predicted;
    return {
      label,
      explain: isTarget ? "target" : isPrediction ? "prediction" : index,
      isTarget,
      isPrediction,
      selected: label === query.explained,
    };
  });
  if (!names.includes(query.target) && !(query.given && query.target === "")) {
    // Several labels at once, or a label that the model does not know.
    const selected = query.explained === undefined || query.explained === query.target;
    choices.unshift({
      label: query.target,
      explain: "target",
      isTarget: true,
      isPrediction: false,
      selected,
    });
  }
  const rank = (choice: LabelChoice) => (choice.isTarget ? 0 : choice.isPrediction ? 1 : 2);
  return choices.sort((a, b) => rank(a) - rank(b));
}

/** Where there is a label at each position, either all of the target's or all of the prediction's. */
function positionChoices({ explained, given, target }: QueryCard): readonly LabelChoice[] {
  const choice = (explain: "target" | "prediction", selected: boolean): LabelChoice => ({
    label: strings.card.atPositions[explain],
    explain,
    isTarget: false,
    isPrediction: false,
    selected,
  });
  const hasTarget = !(given && target === "");
  return [
    ...(hasTarget ? [choice("target", explained === undefined)] : []),
    choice("prediction", explained !== undefined),
  ];
}

/** The whole loss of a regression, or the part of one output. */
function outputChoices(
  { explained, prediction }: QueryCard,
  labels: readonly string[] | undefined,
): readonly LabelChoice[] {
  // Values with names are listed by size; the names have their order.
  const names = labels ?? prediction.map(({ label }) => label);
  const choice = (label: string, explain: ExplainedLabel, selected: boolean): LabelChoice => ({
    label,
    explain,
    isTarget: false,
    isPrediction: false,
    selected,
  });
  return [
    choice(strings.card.allOutputs, "target", explained === undefined),
    ...names.map((name, index) => choice(strings.card.oneOutput(name), index, name === explained)),
  ];
}

/** Labels without names are class numbers: their order follows from the names themselves. */
function numberedLabels(query: QueryCard): readonly string[] | undefined {
  const { explained, prediction } = query;
  const names = prediction.map((entry) => entry.label);
  if (explained === undefined || !names.every((name) => /^\d+$/.test(name))) {
    return undefined;
  }
  return names.sort((a, b) => Number(a) - Number(b));
}

/** What the query card says of the prediction. */
export interface PredictionView {
  /** Whether the values are probabilities of labels rather than outputs. */
  readonly probabilities: boolean;
  /** Label with the highest probability. */
  readonly predicted: LabelValue | undefined;
  /** Whether the prediction is another label than the target; undefined when they cannot be compared. */
  readonly disagrees: boolean | undefined;
  /** Entries to show, the target's and the explained label's always among them. */
  readonly shown: readonly LabelValue[];
  readonly hidden: number;
}

/** Chooses what to show of a prediction: the `limit` highest labels, or all. */
export function predictionView(query: QueryCard, all: boolean, limit = 4): PredictionView {
  const { prediction, target, explained } = query;
  const probabilities = query.reading === "probabilities";
  const predicted = probabilities ? prediction[0] : undefined;
  const known = prediction.some((entry) => entry.label === target);
  const shown = prediction.filter(
    (entry, index) => all || index < limit || entry.label === target || entry.label === explained,
  );
  // One hidden entry takes no less room than the button that shows it.
  const whole = prediction.length - shown.length <= 1;
  return {
    probabilities,
    predicted,
    disagrees: predicted && known ? predicted.label !== target : undefined,
    shown: whole ? prediction : shown,
    hidden: whole ? 0 : prediction.length - shown.length,
  };
}
