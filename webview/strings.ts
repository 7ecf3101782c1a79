/** Every text of the panel, in one place so that it can be translated. */
import type { RankedView, SuspectOrder } from "../src/protocol/lists.ts";
import type { Reading } from "../src/protocol/runs.ts";
import { formatCount } from "./format.ts";

export const strings = {
  title: "Influence of training examples",
  unknownError: "Something went wrong.",

  welcome: {
    intro:
      "See which training examples pushed your model towards a prediction, which pushed it away, and which labels look wrong. Nothing leaves this machine.",
    setUp:
      "First, say what belongs together in this folder: the model, its checkpoints and the data. Most of it is found by itself.",
    setUpAgain: "Other model, checkpoints or data in this folder?",
    setUpButton: "Set Up Workspace",
    sample: "Nothing trained yet? Try it on a small example with checkpoints and data.",
    sampleButton: "Open Sample",
    explain:
      "Choose an example to explain. A row of a data file or an image in the Explorer works too: right-click it.",
    explainButton: "Explain Prediction",
    testSet: "See where the model fails on a test set, and which training examples hurt it there.",
    testSetButton: "Explain Test Set",
    suspects: "Rank the training examples whose labels look wrong.",
    suspectsButton: "Find Mislabelled Examples",
  },

  computing: {
    cancel: "Cancel",
    cancelling: "Cancelling…",
    progress: (done: number, total: number) => `${formatCount(done)} of ${formatCount(total)}`,
    progressTitle: "Examples times checkpoints",
  },

  early: {
    announced: "The first rows are shown while the rest is computed: they are provisional.",
    basedOn: (scored: number, examples: number, checkpoints: number) =>
      scored === examples
        ? `All ${formatCount(examples)} examples are scored; the run is being written.`
        : `Provisional, from ${formatCount(scored)} of ${formatCount(examples)} examples${
            checkpoints > 1 ? `, each at all ${formatCount(checkpoints)} checkpoints` : ""
          }. The rest may rank before them.`,
    firstOf: (queries: number) => `About the first of ${formatCount(queries)} queries.`,
    views: {
      proponents: "Proponents so far",
      opponents: "Opponents so far",
      suspects: "Suspects so far",
    } satisfies Record<Exclude<RankedView, "all">, string>,
  },

  error: { showLog: "Show Log", retry: "Try Again" },

  card: {
    label: "Query",
    target: "target",
    predicts: "predicts",
    outputs: "output",
    disagrees: "not the target",
    disagreesTitle: "The model's most probable label at the last checkpoint is not the target.",
    agreesTitle: "The model's most probable label at the last checkpoint is the target.",
    probability: "Probability at the last checkpoint",
    output: "Output at the last checkpoint",
    explained: "explained",
    explainedTitle: "The scores below are about the loss of this label.",
    explain: "Explain",
    explainTitle:
      "The label whose loss the scores are about. Another choice computes the scores again.",
    atPositions: {
      target: "the target at each position",
      prediction: "the prediction at each position",
    },
    allOutputs: "the loss of all outputs",
    oneOutput: (name: string) => `output ${name}`,
    positions: "positions",
    positionsWrong: (wrong: number, count: number) =>
      count === 0 ? "none counts" : `${formatCount(wrong)} of ${formatCount(count)} wrong`,
    positionsTitle:
      "Positions that count at which another label is the most probable one, at the last checkpoint",
    outputCount: (count: number) => `${formatCount(count)} outputs`,
    meanLoss: (loss: string) => `mean loss ${loss}`,
    noPrediction: "The model gives its loss alone: there is no prediction to show.",
    worst: "Largest losses at the last checkpoint",
    worstEntry: (target: string, predicted: string) =>
      target === predicted ? target : `${target} → ${predicted}`,
    confusions: "Labels taken for others at the last checkpoint",
    moreLabels: (count: number) => `${formatCount(count)} more labels`,
    fewerLabels: "Fewer labels",
    loss: "loss",
    lossTitle: "Loss of the query at each checkpoint",
    openRow: (place: string) => `Open ${place}`,
    openImage: (image: string) => `Open ${image}`,
    query: (number: number, total: number) =>
      `Query ${formatCount(number)} of ${formatCount(total)}`,
    previous: "Previous query",
    next: "Next query",
  },

  newExample: {
    open: { text: "Explain another text", row: "Explain another row" },
    title: "Explain an example that stands in no dataset; it starts as a copy of this one",
    label: { text: "Text to explain", row: "Row to explain, as JSON" },
    placeholder: {
      text: () => "Type or paste a text",
      row: (columns: readonly string[]) => `{ "${columns[0] ?? "column"}": … }`,
    },
    submit: "Explain",
    submitWithImage: "Choose Image and Explain…",
    submitTitle: "Compute the scores for this example (Ctrl+Enter)",
    hint: "Without a target, the prediction is explained.",
    image: "Explain another image…",
    imageTitle:
      "Choose an image file to explain, from anywhere; without a target, its prediction is explained",
    name: { text: "New text", fields: "New row", image: "New image" },
    place: "It stands in no dataset; the run keeps it.",
  },

  where: {
    loading: "Taking the score apart…",
    title: "Where in the example",
    titleHint:
      "The part of the first layer in the score, place by place: green raised the score, red lowered it. Colours are relative to the strongest place of this example.",
    sum: (layer: string, total: string) =>
      `Parts of ${layer} in the score, over all checkpoints; together ${total}`,
    product: (error: string, input: string) =>
      `Last layer: error similarity ${error} × input similarity ${input}`,
    productHint: (error: string, input: string, layer: string) =>
      `Cosines of the errors and of the inputs of ${layer} at the last checkpoint. Its product of gradients there is ${error} × ${input}.`,
    noProduct: "There is no dense layer with one input per example, so no error × input.",
    gridAlt: (place: string, part: string) =>
      `Heat map of the score over the image; the strongest place is at the ${place} with ${part}`,
    vertical: ["top", "middle", "bottom"],
    horizontal: ["left", "centre", "right"],
    noImage: "The example has no image to show them on.",
  },

  run: {
    checkpoints: (count: number) =>
      count === 1 ? "1 checkpoint" : `${formatCount(count)} checkpoints`,
    layers: (layers: string) =>
      layers === "all" ? "all layers" : layers === "last" ? "last layer" : layers,
    exact: "exact",
    fromIndex: "exact, from the index",
    bestExact: "best exact",
    estimated: (correlation: string) => `others estimated (${correlation})`,
    estimatedTitle: (
      kept: string,
      reranked: number,
      examples: number,
      top: number,
      spearman: string,
      recall: string,
    ) =>
      `The gradient index (${kept}) estimated every score; the ${formatCount(reranked)} best of each list were then computed exactly. ` +
      `On ${formatCount(examples)} training examples drawn at random, estimates and exact scores have a rank correlation (Spearman) of ${spearman}, ` +
      `and ${recall} of the ${formatCount(top)} highest scores are among the ${formatCount(top)} highest estimates. ` +
      "Estimates are marked ≈. Self-influence and losses are exact.",
    indexTitle: (kept: string) =>
      `Read from the gradient index (${kept}), which keeps exact numbers: scores differ from computed ones by the rounding of float32 alone.`,
    preconditioned: "with the optimizer's step sizes",
    examples: (count: number) => (count === 1 ? "1 example" : `${formatCount(count)} examples`),
    details: "Checkpoints, learning rates and weights of this run",
    engine: (engine: string) => `Computed by ${engine}. Scores are exact, not sketched.`,
    indexUnused: (reasons: readonly string[]) =>
      `The gradient index was not asked: ${reasons.join("; ")}.`,
    indexed: (engine: string) => `Computed by ${engine}.`,
    checkpoint: "checkpoint",
    rate: "rate",
    weight: "weight",
    weightTitle: "Factor of this checkpoint in every score",
    epoch: (epoch: number) => `epoch ${formatCount(epoch)}`,
    step: (step: number) => `step ${formatCount(step)}`,
    stale: "Out of date",
    staleText: "Since this run:",
    again: "Run Again",
  },

  testSet: {
    region: "Test set",
    examples: (count: string) => `${count} examples`,
    oneExample: "1 example",
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
      `${formatCount(shown)} of ${formatCount(total)} labels, those with the most mistakes.`,
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
      `${formatCount(shown)} of ${formatCount(total)} outputs.`,
    lossAlone:
      "Only the loss of an example is known, not whether its prediction is right: choose examples by a condition.",
    slices: "Examples to explain",
    all: "All",
    errors: "Wrong",
    lossHistogram: "Histogram of losses",
    condition: "Condition on the test examples",
    conditionTitle:
      "Words, or an SQL condition on example, target, predicted, predicted_probability, loss, wrong, text and more; press Enter",
    conditionPlaceholder: "Condition, such as loss > 1",
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
    placeholder: "Filter: words, or score < 0",
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
    empty: {
      proponents: "No training example has a positive score.",
      opponents: "No training example has a negative score.",
      suspects: "There are no training examples.",
      all: "There are no training examples.",
    } satisfies Record<RankedView, string>,
  },

  review: {
    toolbar: "Review of the suspects",
    actions: {
      keep: "Keep",
      suggestion: "Relabel",
      pick: "Relabel to…",
      exclude: "Exclude",
      undo: "Undo",
      next: "Next",
      all: "All…",
    },
    keys: { keep: "K", suggestion: "R", pick: "L", exclude: "X", undo: "U", next: "N", all: "A" },
    titles: {
      keep: "The label of the active row, or of all selected ones, is right (K)",
      suggestion:
        "Give the active row, or each selected one, the label that the model suggests (R)",
      pick: "Choose a label for the active row or the selected ones (L), or press its number: 1 for the first label, 0 for the tenth",
      exclude: "Take the active row, or all selected ones, out of the training data (X)",
      undo: "Take the latest decision back (U)",
      next: "Go to the next row without a decision (N)",
      all: "Decide about all rows that the filter shows and that have no decision yet (A). Shift or Ctrl with a click selects some of them.",
    },
    apply: (count: number) => `Apply ${formatCount(count)}…`,
    applyTitle:
      "Change the data as decided: labels are edited, excluded rows taken out. Undo in the editor takes it back, and the decisions wait again",
    progress: (decided: number, total: number) =>
      `${formatCount(decided)} of ${formatCount(total)} reviewed`,
    selected: (count: number) => `${formatCount(count)} selected`,
    decidedRows: (count: number, what: string) =>
      `${formatCount(count)} ${count === 1 ? "row" : "rows"}: ${what}`,
    toSuggestion: "relabelled to the suggestion",
    withoutSuggestion: "For some the model suggests no other label.",
    noSuggestion: "The model suggests no other label here.",
    undone: "The latest decision was taken back.",
    allDecided: "Every row is decided.",
    decided: (rank: number, what: string) => `Row ${formatCount(rank)}: ${what}`,
    kept: "kept",
    excluded: "excluded",
    relabelled: (label: string) => `→ ${label}`,
    states: {
      open: "Decided, but not in the data yet; Apply changes it",
      done: "Decided, and so it is in the data",
      changed: "Decided, but its label has changed since",
      gone: "Decided; it is no longer in the data",
    },
  },

  neighbours: {
    ask: "Examples for and against this label",
    title:
      "Computes which training examples made the model more and less certain of this label: a question about one example over all training data",
    computing: "Computing…",
    for: (label: string) => `For ${label}`,
    against: (label: string) => `Against ${label}`,
    titles: {
      for: "Training on these made the label of the suspect likelier (its proponents).",
      against: "Training on these made the label of the suspect less likely (its opponents).",
    },
    none: "None.",
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
