import type { FieldValue } from "../../datasets/dataset.ts";
import { sortNames } from "../../datasets/features/names.ts";
import { openDataset } from "../../datasets/open.ts";
import type { SourceConfig } from "../config.ts";
import type { LossName } from "../loss-schema.ts";
import type { Findings } from "./detection.ts";

/** What the training data show of the target. */
export interface TargetFacts {
  /** Distinct values in file order, as text; at most {@link maximumValues}. */
  readonly values: readonly string[];
  readonly numeric: boolean;
  readonly whole: boolean;
  readonly binary: boolean;
  /** Values are lists. */
  readonly lists: boolean;
}

const maximumValues = 1001;
const step = 4096;

/** Reads the target of all training examples, until there are too many different values to be labels. */
export async function targetFacts(root: string, source: SourceConfig): Promise<TargetFacts> {
  const dataset = await openDataset("train", source, root);
  try {
    const values = new Set<string>();
    let lists = false;
    for (let start = 0; start < dataset.length && values.size < maximumValues; start += step) {
      const end = Math.min(dataset.length, start + step);
      for (const value of await targetValues(dataset, start, end)) {
        lists ||= Array.isArray(value);
        values.add(typeof value === "string" ? value : JSON.stringify(value));
      }
    }
    const numbers = [...values].map((value) => (value.trim() === "" ? Number.NaN : Number(value)));
    return {
      values: [...values].slice(0, maximumValues),
      numeric: numbers.every((number) => Number.isFinite(number)),
      whole: numbers.every((number) => Number.isInteger(number)),
      binary: numbers.every((number) => number === 0 || number === 1),
      lists,
    };
  } finally {
    await dataset.close();
  }
}

async function targetValues(
  dataset: Awaited<ReturnType<typeof openDataset>>,
  start: number,
  end: number,
): Promise<FieldValue[]> {
  const [column = ""] = dataset.target;
  if (dataset.array) {
    const { shape, data } = await dataset.array(column, start, end);
    const width = shape.slice(1).reduce((product, size) => product * size, 1);
    return width === 1 ? [...data] : [[...data.subarray(0, width)]];
  }
  const examples = await dataset.read(start, end);
  return examples.map(({ fields }) =>
    Object.hasOwn(fields, column) ? (fields[column] ?? null) : null,
  );
}

/** The loss that model outputs and target values leave open to no doubt, or the likeliest with a question. */
export function chooseLoss(
  outputs: number | undefined,
  targets: number,
  facts: TargetFacts,
  findings: Findings,
): LossName | undefined {
  const ask = (...names: LossName[]) =>
    findings.choose("loss", "Which loss was the model trained with?", names, (value) => ({
      value,
      label: value,
    }));
  if (targets > 1) {
    return facts.binary ? ask("sigmoid-cross-entropy", "mse") : "mse";
  }
  if (facts.lists) {
    return facts.numeric ? "mse" : "sigmoid-cross-entropy";
  }
  if (outputs === 1) {
    return facts.binary ? ask("sigmoid-cross-entropy", "mse") : "mse";
  }
  if (outputs !== undefined && facts.values.length <= outputs && (facts.whole || !facts.numeric)) {
    return "softmax-cross-entropy";
  }
  return ask("softmax-cross-entropy", "sigmoid-cross-entropy", "mse");
}

/** Orders in which label names may stand for the outputs: sorted first, as most tools do; then as they appear. */
export function labelOrders(facts: TargetFacts, outputs: number | undefined): string[][] {
  const sorted = sortNames(facts.values);
  if (
    facts.whole &&
    outputs !== undefined &&
    sorted.every((value) => Number(value) >= 0 && Number(value) < outputs)
  ) {
    return [Array.from({ length: outputs }, (_, index) => String(index))];
  }
  if (facts.numeric || sorted.length !== outputs) {
    return sorted.length === outputs ? [sorted] : [];
  }
  const appearing = [...facts.values];
  // Two labels can only stand one way or the other.
  const other = sorted.length === 2 ? sorted.toReversed() : appearing;
  return sorted.join("\n") === other.join("\n") ? [sorted] : [sorted, other];
}
