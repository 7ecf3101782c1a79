import { counted } from "../core/counted.ts";
import type { TestOutcome } from "../core/evaluation/outcome.ts";
import { sliceTitle } from "../core/evaluation/slice.ts";
import type { RunRow } from "../core/store/reader.ts";
import type { RunTestSet } from "../core/store/record.ts";
import { placeJson, placeText } from "./run-output.ts";
import { paint, printable, significant, type Terminal, table } from "./terminal.ts";

/** Labels whose confusion matrix fits a terminal. */
const mostColumns = 20;
/** Confusions and labels that are listed. */
const mostListed = 10;

/** How right the model is, and what was chosen. */
export function printTestSet({ out }: Terminal, testSet: RunTestSet): void {
  const { dataset, file, examples, slice, chosen, losses, chosenLosses, outcome } = testSet;
  out.write(
    [
      "",
      paint(out, "bold", `${dataset}, ${printable(sliceTitle(slice))}`) +
        paint(out, "dim", `  ${file}, ${chosen} of ${counted(examples, "example")}`),
      `  right       ${rightText(outcome)}`,
      `  mean loss   ${losses.map(significant).join(" → ")}`,
      ...(chosen === examples
        ? []
        : [`  of these    ${chosenLosses.map(significant).join(" → ")}`]),
      "",
    ].join("\n"),
  );
  printOutcome(out, outcome);
}

function rightText(outcome: TestOutcome): string {
  switch (outcome.kind) {
    case "labels":
    case "multiLabel":
    case "positions": {
      const { right, counted } = outcome;
      const now = right.at(-1) ?? 0;
      const shares = right.map((count) => percent(count, counted)).join(" → ");
      const what = outcome.kind === "positions" ? " positions" : "";
      return counted === 0 ? "no example has a target" : `${now} of ${counted}${what} (${shares})`;
    }
    case "values":
      return "predictions are numbers: see their errors";
    case "loss":
      return "not known: only the loss is";
  }
}

function percent(count: number, of: number): string {
  return `${((100 * count) / of).toFixed(1)}%`;
}

function printOutcome(out: NodeJS.WriteStream, outcome: TestOutcome): void {
  switch (outcome.kind) {
    case "labels":
      printMatrix(out, outcome);
      return;
    case "multiLabel": {
      const rows = [...outcome.labels]
        .sort((a, b) => misses(b) - misses(a))
        .slice(0, mostListed)
        .map((found) => [
          found.label,
          String(found.truePositives),
          String(found.falsePositives),
          String(found.falseNegatives),
          String(found.trueNegatives),
        ]);
      const head = ["label", "found", "wrongly given", "missed", "rightly absent"];
      out.write(`\n${table(out, head, rows, [1, 2, 3, 4])}\n`);
      return;
    }
    case "positions":
      for (const { target, predicted, count } of outcome.confusions.slice(0, mostListed)) {
        out.write(`  ${printable(target)} taken for ${printable(predicted)}: ${count}\n`);
      }
      return;
    case "values": {
      const rows = outcome.outputs.map((found) => [
        found.name,
        significant(found.meanError),
        significant(found.meanAbsoluteError),
        significant(found.rootMeanSquare),
        found.explained === null ? "" : found.explained.toFixed(3),
      ]);
      const head = ["error of", "mean", "mean absolute", "root mean square", "R²"];
      out.write(`\n${table(out, head, rows, [1, 2, 3, 4])}\n`);
      return;
    }
    case "loss":
      return;
  }
}

function misses(found: { falsePositives: number; falseNegatives: number }): number {
  return found.falsePositives + found.falseNegatives;
}

/** The whole matrix where it fits, else the most frequent confusions. */
function printMatrix(
  out: NodeJS.WriteStream,
  { labels, cells }: Extract<TestOutcome, { kind: "labels" }>,
): void {
  if (labels.length > mostColumns) {
    const wrong = cells.filter(([target, predicted]) => target !== predicted);
    for (const [target, predicted, count] of wrong
      .sort((a, b) => b[2] - a[2])
      .slice(0, mostListed)) {
      const [from, to] = [labels[target] ?? "", labels[predicted] ?? ""];
      out.write(`  ${printable(from)} taken for ${printable(to)}: ${count}\n`);
    }
    return;
  }
  const counts = labels.map(() => labels.map(() => 0));
  for (const [target, predicted, count] of cells) {
    const row = counts[target];
    if (row !== undefined) {
      row[predicted] = count;
    }
  }
  const rows = counts.map((row, target) => [
    labels[target] ?? "",
    ...row.map((count, predicted) =>
      count === 0
        ? "·"
        : target === predicted
          ? String(count)
          : { text: String(count), style: "red" as const },
    ),
  ]);
  const head = ["target \\ predicted", ...labels.map((label) => printable(label))];
  out.write(
    `\n${table(
      out,
      head,
      rows,
      labels.map((_, index) => index + 1),
    )}\n`,
  );
}

/** Prints the examples of a slice with the largest losses. */
export function printTestRows(
  { out }: Terminal,
  rows: readonly RunRow[],
  { slice }: RunTestSet,
): void {
  out.write(`\n${paint(out, "bold", `Largest losses (${printable(sliceTitle(slice))})`)}\n`);
  const lines = rows.map((row, position) => [
    String(position + 1),
    significant(row.loss),
    row.target,
    row.predicted,
    String(row.index),
    placeText(row),
  ]);
  const head = ["", "loss", "target", "predicted", "example", "location"];
  out.write(`${table(out, head, lines, [0, 1, 4])}\n`);
}

/** A test set as the JSON output shows it. */
export function testSetJson(testSet: RunTestSet): Record<string, unknown> {
  const { outcome, slice, ...facts } = testSet;
  return { ...facts, slice, title: sliceTitle(slice), ...outcomeJson(outcome) };
}

function outcomeJson(outcome: TestOutcome): Record<string, unknown> {
  if (outcome.kind !== "labels") {
    return { outcome };
  }
  const { cells, labels, ...facts } = outcome;
  const confusion = cells.map(([target, predicted, count]) => ({
    target: labels[target],
    predicted: labels[predicted],
    count,
  }));
  return { outcome: { ...facts, labels, confusion } };
}

/** A test example as the JSON output shows it. */
export function testRowJson(row: RunRow, position: number): unknown {
  return {
    rank: position + 1,
    index: row.index,
    ...placeJson(row),
    target: row.target,
    predicted: row.predicted,
    probability: row.predictedProbability ?? null,
    wrong: row.suggested !== undefined,
    loss: row.loss,
    losses: row.parts,
  };
}
