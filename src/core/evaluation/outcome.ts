import * as z from "zod";

const count = z.int().nonnegative();

/** One label of a multi-label test set, at the last checkpoint. */
const labelCounts = z.object({
  label: z.string(),
  /** On in the target and predicted (probability of at least 0.5); predicted alone; in the target alone; neither. */
  truePositives: count,
  falsePositives: count,
  falseNegatives: count,
  trueNegatives: count,
});

/** One output of a regression, in the units of the model's output, at the last checkpoint. */
const outputErrors = z.object({
  name: z.string(),
  count,
  /** Mean of prediction minus target. */
  meanError: z.number(),
  meanAbsoluteError: z.number(),
  rootMeanSquare: z.number(),
  /** 1 - squared errors / squared distances of the targets from their mean; null where the targets are all alike. */
  explained: z.number().nullable(),
});

/**
 * How right the model is on a test set; what is said depends on what is known of predictions. Numbers of examples that
 * are right are given at each checkpoint, in training order.
 */
export const outcomeSchema = z.discriminatedUnion("kind", [
  z.object({
    /** One label for each example. */
    kind: z.literal("labels"),
    /** Examples with a target. */
    counted: count,
    right: z.array(count),
    /** Labels in their order: all of them where they are few, else those that occur. */
    labels: z.array(z.string()),
    /** [target, predicted, examples] for each pair that occurs, as places in `labels`. */
    cells: z.array(z.tuple([count, count, count])),
  }),
  z.object({
    /** Several labels for each example, which is right where all of them are. */
    kind: z.literal("multiLabel"),
    counted: count,
    right: z.array(count),
    labels: z.array(labelCounts),
  }),
  z.object({
    /** A label at each position; numbers of positions. */
    kind: z.literal("positions"),
    counted: count,
    right: z.array(count),
    /** Labels that are taken for others, most frequent first. */
    confusions: z.array(z.object({ target: z.string(), predicted: z.string(), count })),
  }),
  z.object({ kind: z.literal("values"), outputs: z.array(outputErrors) }),
  /** Nothing but the loss is known. */
  z.object({ kind: z.literal("loss") }),
]);

/** How right the model is on a test set. */
export type TestOutcome = z.infer<typeof outcomeSchema>;
