import * as z from "zod";
import { TracInError } from "../errors.ts";
import { quote } from "../store/duckdb.ts";
import type { RowFilter } from "../store/filter.ts";
import { barless, confusionName } from "./label-bars.ts";
import type { TestOutcome } from "./outcome.ts";

/** Examples of a test set that are explained together. */
export const sliceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("all") }),
  /** What the model gets wrong. */
  z.object({ kind: z.literal("errors") }),
  /** Examples with a target, or whose prediction it is; with both, a cell of the confusion matrix. */
  z.object({
    kind: z.literal("labels"),
    target: z.string().optional(),
    predicted: z.string().optional(),
  }),
  /** For several labels: whether one of them is on in the target and predicted. */
  z.object({
    kind: z.literal("label"),
    label: z.string(),
    target: z.boolean().optional(),
    predicted: z.boolean().optional(),
  }),
  /** For labels at positions: one is taken for another somewhere in the example. */
  z.object({ kind: z.literal("confusion"), target: z.string(), predicted: z.string() }),
  /** Words or a condition, and ranges of numbers. */
  z.object({
    kind: z.literal("filter"),
    text: z.string().optional(),
    ranges: z
      .array(z.object({ column: z.string(), from: z.number(), to: z.number() }))
      .readonly()
      .optional(),
  }),
]);

/** Examples of a test set that are explained together. */
export type TestSlice = z.infer<typeof sliceSchema>;

/** The filter of the test set's table that a slice stands for. Throws kind `config` where there is no such thing. */
export function sliceFilter(slice: TestSlice, outcome: TestOutcome): RowFilter {
  switch (slice.kind) {
    case "all":
      return {};
    case "errors":
      if (outcome.kind === "values" || outcome.kind === "loss") {
        throw new TracInError(
          "config",
          outcome.kind === "values"
            ? "Predictions of this model are numbers: none is simply right or wrong."
            : "Only the loss of an example is known, not whether its prediction is right.",
          {},
          outcome.kind === "values"
            ? "Choose examples by a condition, such as absolute_error > 0.5 or loss > 1."
            : "Choose examples by a condition, such as loss > 1.",
        );
      }
      return { text: "wrong = 1" };
    case "labels": {
      const { target, predicted } = slice;
      const parts = [
        ...(target === undefined ? [] : [`target = ${labelText(target, outcome)}`]),
        ...(predicted === undefined ? [] : [`predicted = ${labelText(predicted, outcome)}`]),
      ];
      return parts.length === 0 ? {} : { text: parts.join(" AND ") };
    }
    case "label": {
      const bars = quote(`|${barless(known(slice.label, outcome))}|`);
      const { target, predicted } = slice;
      const has = (column: string, isOn: boolean | undefined) =>
        isOn === undefined ? [] : [`contains(${column}, ${bars}) = ${isOn}`];
      const parts = [...has("target_labels", target), ...has("predicted_labels", predicted)];
      return parts.length === 0 ? {} : { text: parts.join(" AND ") };
    }
    case "confusion": {
      const { target, predicted } = slice;
      const confusions = outcome.kind === "positions" ? outcome.confusions : [];
      if (!confusions.some((each) => each.target === target && each.predicted === predicted)) {
        throw new TracInError(
          "config",
          `${confusionName(target, predicted)} is no confusion that is listed for this test set.`,
          {},
          "Choose one that is, or examples by a condition.",
        );
      }
      const bars = quote(`|${barless(confusionName(target, predicted))}|`);
      return { text: `contains(confusions, ${bars})` };
    }
    case "filter": {
      const { text, ranges } = slice;
      return {
        ...(text === undefined ? {} : { text }),
        ...(ranges === undefined ? {} : { ranges }),
      };
    }
  }
}

/** A slice in a few words: `errors`, `3 taken for 5`. */
export function sliceTitle(slice: TestSlice): string {
  switch (slice.kind) {
    case "all":
      return "all examples";
    case "errors":
      return "errors";
    case "labels": {
      const { target, predicted } = slice;
      if (target === undefined) {
        return predicted === undefined ? "all examples" : `predicted ${predicted}`;
      }
      return predicted === undefined
        ? `target ${target}`
        : target === predicted
          ? `${target}, predicted so`
          : `${target} taken for ${predicted}`;
    }
    case "label": {
      const { label, target, predicted } = slice;
      const words = [
        ...(target === undefined ? [] : [target ? "in the target" : "not in the target"]),
        ...(predicted === undefined ? [] : [predicted ? "predicted" : "not predicted"]),
      ];
      return words.length === 0 ? "all examples" : `${label} ${words.join(", ")}`;
    }
    case "confusion":
      return `${slice.target} taken for ${slice.predicted} somewhere`;
    case "filter": {
      const ranges = (slice.ranges ?? []).map(
        ({ column, from, to }) => `${column} ${short(from)} to ${short(to)}`,
      );
      const parts = [...(slice.text?.trim() ? [slice.text.trim()] : []), ...ranges];
      return parts.length === 0 ? "all examples" : parts.join(", ");
    }
  }
}

function labelText(label: string, outcome: TestOutcome): string {
  if (outcome.kind !== "labels") {
    throw new TracInError(
      "config",
      "The examples of this test set do not have one label each.",
      {},
      "Choose them by a condition.",
    );
  }
  return quote(known(label, outcome));
}

/** The label, where the outcome has it. */
function known(label: string, outcome: TestOutcome): string {
  const labels =
    outcome.kind === "labels"
      ? outcome.labels
      : outcome.kind === "multiLabel"
        ? outcome.labels.map((entry) => entry.label)
        : [];
  if (!labels.includes(label)) {
    throw new TracInError(
      "config",
      `The test set has no label "${label}".`,
      {},
      labels.length === 0
        ? "Choose examples by a condition."
        : `The labels are: ${labels.slice(0, 30).join(", ")}.`,
    );
  }
  return label;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
