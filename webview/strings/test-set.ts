import { formatCount } from "../format.ts";
import { counted } from "./counted.ts";

/** Test sets and their slices. */
export const testSetStrings = {
  testSet: {
    region: "Test set",
    examples: counted.examples,
    right: "right",
    positionsRight: "positions right",
    rightTitle:
      "Predictions that are the target, at the last checkpoint; the line shows all of them",
    rightOf: (right: string, counted: string) => `${right} of ${counted}`,
    noTargets: "No example has a target to compare with.",
    noTarget: "(no target)",
    meanLoss: "mean loss",
    meanLossTitle: "Mean loss of all examples, at the last checkpoint; the line shows all of them",
    axes: "Target down, prediction across: choose a cell or a label",
    matrix: "Confusion matrix: targets in rows, predictions in columns",
    targetLabel: (label: string) => `Target ${label}`,
    predictedLabel: (label: string) => `Predicted ${label}`,
    cell: (target: string, predicted: string, count: number) =>
      `Target ${target}, predicted ${predicted}: ${formatCount(count)}`,
    someLabels: (shown: number, total: number) =>
      `${formatCount(shown)} of ${counted.labels(total)}, those with the most mistakes.`,
    allLabels: (total: number) => `Show all ${formatCount(total)}`,
    fewerLabels: "Show fewer labels",
    labelTable: "Mistakes by label",
    label: "Label",
    found: "found",
    missed: "missed",
    wronglyGiven: "wrongly given",
    labelCell: (label: string, target: boolean, predicted: boolean, count: number) =>
      `${label} ${target ? (predicted ? "found" : "missed") : "wrongly given"}: ${formatCount(count)}`,
    confusions: "Labels taken for others at the last checkpoint",
    confusionTitle: (target: string, predicted: string) =>
      `Choose the examples in which ${target} is taken for ${predicted} at some position`,
    confusionSlice: (target: string, predicted: string) =>
      `${target} taken for ${predicted} somewhere`,
    confusion: (target: string, predicted: string, count: string) =>
      `${target} → ${predicted}: ${count}`,
    noConfusions: "Every position is right.",
    regression:
      "Predictions are numbers: none is simply right or wrong. Errors are in the units of the model's output.",
    errorTable: "Errors by output",
    output: "Error of",
    meanError: "mean",
    meanErrorTitle: "Mean of prediction minus target: above 0 the model predicts too much",
    absoluteError: "absolute",
    absoluteErrorTitle: "Mean of the absolute difference of prediction and target",
    square: "square",
    squareTitle: "Square root of the mean squared difference",
    explainedTitle:
      "Share of the targets' variance that is explained: 1 is perfect, 0 no better than their mean",
    someOutputs: (shown: number, total: number) =>
      `${formatCount(shown)} of ${counted.outputs(total)}.`,
    lossAlone:
      "Only the loss of an example is known, not whether its prediction is right: choose examples by a condition.",
    slices: "Examples to explain",
    all: "All",
    errors: "Wrong",
    lossHistogram: "Histogram of losses",
    condition: "Condition on the test examples",
    conditionTitle:
      "Words, or an SQL condition on example, target, predicted, predicted_probability, loss, wrong, text and more; press Enter",
    conditionPlaceholder: "Condition: loss > 1",
    labels: (target: string | undefined, predicted: string | undefined) =>
      target === undefined
        ? `Predicted ${predicted ?? ""}`
        : predicted === undefined
          ? `Target ${target}`
          : `Target ${target}, predicted ${predicted}`,
    labelSlice: (label: string, target: boolean | undefined, predicted: boolean | undefined) =>
      target === true
        ? `${label} ${predicted === true ? "found" : "missed"}`
        : `${label} wrongly given`,
    where: (text: string) => `Where ${text}`,
    nothing: "No test example is like that.",
    rows: "Test examples, largest loss first",
    more: (count: number, total: number) => `${formatCount(count)} more of ${formatCount(total)}`,
    explain: "Explain",
    explainOne: (dataset: string, index: number) =>
      `Explain ${dataset} ${formatCount(index)} by itself`,
    loss: "loss",
    lossTitle: "Loss at the last checkpoint",
    explainSlice: "Explain These Examples",
    explainThese: (count: number, text: string) =>
      count === 1 ? "Explain This Example" : `Explain These ${text} Examples`,
    explainTheseTitle: "Ranks the training examples that hurt and help their mean loss",
    below: "The lists below are about the mean loss of these examples.",
    lowered: "Lowered the mean loss of the chosen test examples",
    raised: "Raised the mean loss of the chosen test examples",
  },
} as const;
