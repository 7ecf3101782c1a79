import { formatCount } from "../format.ts";
import { counted } from "./counted.ts";

/** A run: how it was made, and what has changed since. */
export const runStrings = {
  run: {
    checkpoints: counted.checkpoints,
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
      `On ${counted.trainingExamples(examples)} drawn at random, estimates and exact scores have a rank correlation (Spearman) of ${spearman}, ` +
      `and ${recall} of the ${formatCount(top)} highest scores are among the ${formatCount(top)} highest estimates. ` +
      "Estimates are marked ≈. Self-influence and losses are exact.",
    computedTitle: (kept: string) =>
      `The gradient index (${kept}) estimated every score. There are so few training examples that all of them were then computed exactly.`,
    storedTitle: (kept: string) =>
      `Read from the gradient index (${kept}), which stores self-influence, losses and predictions themselves: they differ from computed ones by the rounding of float32 alone.`,
    indexTitle: (kept: string) =>
      `Read from the gradient index (${kept}), which keeps exact numbers: scores differ from computed ones by the rounding of float32 alone.`,
    preconditioned: "with the optimizer's step sizes",
    examples: counted.examples,
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
} as const;
