import type { RankedView, SuspectOrder } from "../../src/protocol/lists.ts";
import type { Reading } from "../../src/protocol/runs.ts";

/** Ranked lists: their names, filters, rows. */
export const listsStrings = {
  views: {
    proponents: "Proponents",
    opponents: "Opponents",
    suspects: "Suspects",
    influence: "Influence",
    all: "All",
  } satisfies Record<RankedView | "influence", string>,

  viewTitles: {
    proponents:
      "Training examples with a positive score: training on them lowered the query's loss.",
    opponents: "Training examples with a negative score: training on them raised the query's loss.",
    suspects: "Training examples whose labels look wrong.",
    influence: "Training examples that lowered or raised the query's loss.",
    all: "All training examples, in file order.",
  } satisfies Record<RankedView | "influence", string>,

  filter: {
    label: "Filter",
    placeholder: "Words, or score < 0",
    title:
      "Words that an example holds, or an SQL condition on its columns, such as target = 'spam' and score < 0",
    clear: "Clear the filter",
    columns: "Columns",
    sort: "Order of the list",
    ownOrder: "Ranked",
    fileOrder: "File order",
    by: (column: string) => `By ${column}`,
    ascending: "Smallest first; click for largest first",
    descending: "Largest first; click for smallest first",
    histogram: "Histogram",
    noHistogram: "No histogram",
    histogramOf: (column: string) => `Histogram of ${column}`,
    histogramTitle:
      "Heights are logarithmic. Click a bar, or drag over several, to show only these examples.",
    bar: (from: string, to: string, count: string) => `${from} to ${to}: ${count}`,
    /** What is cut off in a narrow panel is not the column. */
    histogramOption: (column: string) => `${column}: histogram`,
    noValues: (column: string) => `No example of the list has a value of ${column}.`,
    range: (column: string, from: string, to: string) => `${column} ${from} to ${to}`,
    remove: (range: string) => `Remove ${range}`,
    nothing: "No training example meets the filter.",
  },

  list: {
    sortBy: (column: string) => `Sort by ${column}`,
    allExamples: "All training examples, in file order unless sorted",
    towards: (label: string | undefined) =>
      label === undefined ? "Lowered the query's loss" : `Pushed the model towards ${label}`,
    away: (label: string | undefined) =>
      label === undefined ? "Raised the query's loss" : `Pushed the model away from ${label}`,
    suspects:
      "Signals, not proof: rare or difficult examples also score high. Look at an example before you change its label.",
    order: "Rank by",
    orders: {
      margin: "margin",
      combined: "margin and loss",
      loss: "mean loss",
      selfInfluence: "self-influence",
    } satisfies Record<SuspectOrder, string>,
    /** Names of columns. */
    orderColumns: {
      margin: "margin",
      combined: "mean place",
      loss: "mean loss",
      selfInfluence: "self-influence",
    } satisfies Record<SuspectOrder, string>,
    /** Where there is little room. */
    ordersShort: {
      margin: "margin",
      combined: "place",
      loss: "loss",
      selfInfluence: "self",
    } satisfies Record<SuspectOrder, string>,
    noMargin: {
      probabilities: "margin: compute the run again",
      positions: "margin: none for labels at positions",
      values: "margin: none without labels",
      outputs: "margin: none without labels",
      none: "margin: none without probabilities",
    } satisfies Record<Reading, string>,
    orderTitles: {
      margin:
        "Margin: the probability of the label less that of the best other label, mean over the checkpoints, from -1 to 1. Below 0 the model found another label likelier. Of several labels, the most doubtful one counts.",
      combined:
        "Mean of the example's places by margin and by mean loss: 1 for an example that comes first by both.",
      selfInfluence:
        "Self-influence: how much an example lowered its own loss; high when nothing else in the data taught the model its label.",
      loss: "Mean loss over the checkpoints: high when the model found the label improbable all through training.",
    } satisfies Record<SuspectOrder, string>,
    columns: {
      rank: "#",
      example: "Example",
      target: "Target",
      score: "Score",
      line: "Checkpoints",
      place: "Place",
    },
    columnTitles: {
      rank: "Place in the list",
      target: "Target of the training example, and what the model predicts where that differs",
      score: "TracIn score: positive lowers the query's loss, negative raises it",
      line: "Part of each checkpoint in the score, first to last, each row on its own scale",
      selfLine:
        "Part of each checkpoint in self-influence, first to last, each row on its own scale",
    },
    loading: "Loading…",
    searching:
      "Searching. The first search reads all texts of the training data; another filter ends it.",
    empty: {
      proponents: "No training example has a positive score.",
      opponents: "No training example has a negative score.",
      suspects: "There are no training examples.",
      all: "There are no training examples.",
    } satisfies Record<RankedView, string>,
  },

  row: {
    target: (target: string) => `Target ${target}`,
    predicted: (label: string) => `The model predicts ${label}`,
    lastCheckpoint: "at the last checkpoint",
    predictedShort: (label: string) => `predicts ${label}`,
    suggested: (label: string, probability: string) =>
      `The model would say ${label}, with probability ${probability}`,
    unitsFromQuery: (name: string, units: string) =>
      `${name} differs from the query's by ${units} standard deviations (σ) of the training data`,
    otherThanQuery: (name: string) => `${name} is another one than the query's`,
    expand: "Show the whole example",
    collapse: "Show less",
    openRow: "Open Row",
    openImage: "Open Image",
    parts: (parts: string) => `Part of each checkpoint: ${parts}`,
    noImage: "This image cannot be shown",
    estimate: "Score, estimated by the gradient index",
    score: "score",
    selfInfluence: "self-influence",
    loss: "mean loss",
  },
} as const;
