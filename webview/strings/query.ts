import { formatCount } from "../format.ts";
import { counted } from "./counted.ts";

/** The query: its card, examples of one's own, and where in an example a score comes from. */
export const queryStrings = {
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
    outputCount: counted.outputs,
    meanLoss: (loss: string) => `mean loss ${loss}`,
    noPrediction: "The model gives its loss alone: there is no prediction to show.",
    worst: "Largest losses at the last checkpoint",
    worstEntry: (target: string, predicted: string) =>
      target === predicted ? target : `${target} → ${predicted}`,
    confusions: "Labels taken for others at the last checkpoint",
    moreLabels: counted.moreLabels,
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
} as const;
