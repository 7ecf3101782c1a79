import * as z from "zod";

/** The losses that TracIn knows, by what their targets are. */
const names = {
  /** A class at each place. */
  classes: ["softmax-cross-entropy", "categorical-hinge", "multi-margin"],
  /** On or off. */
  binary: ["sigmoid-cross-entropy", "hinge", "squared-hinge"],
  numbers: [
    "mse",
    "mae",
    "huber",
    "smooth-l1",
    "log-cosh",
    "mape",
    "msle",
    "poisson",
    "kl-divergence",
    "cosine-similarity",
  ],
  /** The model computes the loss. */
  own: ["output"],
} as const;

/** What the targets of a loss are: a class at each place, on or off, numbers, or whatever the model takes. */
export type LossFamily = keyof typeof names;
/** The losses that TracIn knows. */
export type LossName = (typeof names)[LossFamily][number];
/** Those of numbers to be predicted. */
export type NumberLossName = (typeof names)["numbers"][number];

const families = new Map(
  Object.entries(names).flatMap(([family, own]) =>
    own.map((name): [LossName, LossFamily] => [name, family as LossFamily]),
  ),
);

/** Every loss, in the order in which they are named to a person. */
export const lossNames: readonly LossName[] = [...families.keys()];

export const lossName = z.enum(lossNames);

export function lossFamily(name: LossName): LossFamily {
  return families.get(name) ?? "own";
}

const factor = z.number().nonnegative();

/** The long form of `loss`; what is left away comes from the model file or has a default. */
export const lossSchema = z.strictObject({
  type: lossName
    .optional()
    .describe('The loss; that of the model file unless told. "output": the model computes it.'),
  reduction: z
    .enum(["sum", "mean"])
    .optional()
    .describe('Over one example\'s own outputs or positions that count; "sum" unless told.'),
  output: z
    .string()
    .optional()
    .describe("Model output that holds the logits or predictions; the first unless told."),
  classAxis: z
    .int()
    .optional()
    .describe("Axis of the classes in that output (batch: 0); the one that the targets lack."),
  ignoreIndex: z
    .int()
    .optional()
    .describe("Label of positions that do not count; -100 unless told."),
  shift: z
    .boolean()
    .optional()
    .describe("true: position t predicts the label of position t + 1, as causal language models."),
  weights: z
    .array(factor)
    .optional()
    .describe("Weight of each class, in the order of the model's outputs."),
  posWeight: z
    .union([z.number().positive(), z.array(z.number().positive())])
    .optional()
    .describe("Weight of targets that are on; one for all, or one for each label."),
  labelSmoothing: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Share of the target that is spread over all classes; 0 unless told."),
  gamma: factor
    .optional()
    .describe(
      "Focal loss: the cross-entropy times (1 - p)^gamma, p the probability of the target.",
    ),
  alpha: z
    .union([factor, z.array(factor)])
    .optional()
    .describe(
      "Focal loss. Softmax: a factor, or one for each class. Sigmoid: the factor of what is on; what is off has 1 - alpha.",
    ),
  delta: z
    .number()
    .positive()
    .optional()
    .describe("Huber: the error from which the loss is linear; 1 unless told."),
  beta: z
    .number()
    .positive()
    .optional()
    .describe("Smooth L1: the error from which the loss is linear; 1 unless told."),
  margin: z
    .number()
    .positive()
    .optional()
    .describe("Multi-margin: how far the target's score must be above each other; 1 unless told."),
  power: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe("Multi-margin: 2 squares what is missing (p of PyTorch); 1 unless told."),
  logInput: z
    .boolean()
    .optional()
    .describe(
      "true: the output holds logarithms: of the rate (Poisson), of probabilities (KL divergence).",
    ),
  prediction: z
    .string()
    .optional()
    .describe('Loss "output": another model output, shown as the prediction.'),
});

/** The long form of `loss`. */
export type LossSettings = z.infer<typeof lossSchema>;
