import { InvalidArgumentError } from "commander";
import { nearestName } from "../core/config/nearest.ts";
import type { Project } from "../core/config/project.ts";
import { datasetOf } from "../core/config/project.ts";
import { TracInError } from "../core/errors.ts";
import type { QuerySelection } from "../core/tracin/scores.ts";

/** Examples as written on the command line: a dataset and inclusive ranges of example numbers. */
export interface QueryText {
  readonly dataset: string;
  /** Inclusive. */
  readonly ranges: readonly { readonly first: number; readonly last: number }[];
}

/** More queries than this do not fit any memory; the number is checked before anything is allocated. */
const mostQueries = 100_000;

/** Reads `test:3`, `test:0-9` or `test:0-9,12`. Throws commander's error for a wrong argument. */
export function parseQueries(text: string): QueryText {
  const [, dataset, list] = /^([^:]+):([\d,\s-]+)$/.exec(text) ?? [];
  if (dataset === undefined || list === undefined) {
    throw new InvalidArgumentError(
      'Expected DATASET:INDEX such as "test:0", "test:0-9" or "test:0-9,12".',
    );
  }
  const ranges = list.split(",").map((part) => {
    const [, from, to] = /^\s*(\d{1,15})\s*(?:-\s*(\d{1,15})\s*)?$/.exec(part) ?? [];
    const first = Number(from ?? Number.NaN);
    const last = to === undefined ? first : Number(to);
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || last < first) {
      throw new InvalidArgumentError(
        `"${part.trim()}" is no example number or range; ranges are inclusive, such as 0-9.`,
      );
    }
    return { first, last };
  });
  return { dataset, ranges };
}

/**
 * The queries that a command line asks for, in its order.
 * @param label `target`, `prediction`, or the name (or number) of a label
 */
export function selectQueries(
  project: Project,
  texts: readonly QueryText[],
  label: string,
): QuerySelection[] {
  const explain = explainedLabel(project, label);
  const count = texts
    .flatMap(({ ranges }) => ranges)
    .reduce((sum, { first, last }) => sum + last - first + 1, 0);
  for (const { dataset: name, ranges } of texts) {
    const dataset = datasetOf(project, name);
    for (const { last } of ranges) {
      if (last >= dataset.length) {
        throw new TracInError(
          "data",
          `The dataset "${name}" has no example ${last}.`,
          { file: dataset.file },
          `Its examples are numbered 0 to ${dataset.length - 1}.`,
        );
      }
    }
  }
  if (count > mostQueries) {
    throw new TracInError(
      "config",
      `${count} queries are too many.`,
      {},
      `Ask for ${mostQueries} at most.`,
    );
  }
  return texts.flatMap(({ dataset, ranges }) =>
    ranges.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, step) => ({
        dataset,
        index: first + step,
        explain,
      })),
    ),
  );
}

/** What is explained, as `--label` names it. Throws kind `config` for a label that the model does not have. */
export function explainedLabel(project: Project, label: string): QuerySelection["explain"] {
  if (label === "target" || label === "prediction") {
    return label;
  }
  const labels = project.encoder.labels ?? [];
  const index = labels.indexOf(label);
  if (index >= 0) {
    return index;
  }
  // Outputs without names: the scorer knows how many there are.
  if (/^\d+$/.test(label) && (labels.length === 0 || Number(label) < labels.length)) {
    return Number(label);
  }
  const near = nearestName(label, labels);
  throw new TracInError(
    "config",
    `There is no label "${label}".`,
    {},
    labels.length === 0
      ? "Labels and outputs have no names here: give a number, from 0."
      : near === undefined
        ? `The labels are: ${labels.slice(0, 30).join(", ")}.`
        : `Did you mean "${near}"?`,
  );
}
