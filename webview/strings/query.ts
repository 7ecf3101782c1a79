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
    rest: (part: string) =>
      `Of that, ${part} belongs to no word: the table is the output layer too, whose inputs are pooled.`,
    product: (error: string, input: string) =>
      `Last layer: error similarity ${error} × input similarity ${input}`,
    productHint: (error: string, input: string, layer: string) =>
      `How alike the two examples are in ${layer}, the last layer, at the last checkpoint: the cosine of their errors (gradients of the loss with respect to the layer's output) and that of its inputs. ` +
      `1 is the same direction, 0 unrelated, below 0 opposed. The product of the layer's gradients is ${error} × ${input} there; other layers and checkpoints add their own parts to the score.`,
    noProduct:
      "The last layer is not dense, or has several positions in an example: its part in the score is no single product of error and input similarity.",
    gridAlt: (place: string, part: string) =>
      `Heat map of the score over the image; the strongest place is at the ${place} with ${part}`,
    vertical: ["top", "middle", "bottom"],
    horizontal: ["left", "centre", "right"],
    noImage: "The example has no image to show them on.",
  },
} as const;
