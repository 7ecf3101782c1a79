import { testRanking } from "../compute/test-lists.ts";
import { runTestSet } from "../compute/test-set.ts";
import { datasetOf, type Project } from "../core/config/project.ts";
import { searchTexts } from "../core/datasets/search-text.ts";
import { TracInError } from "../core/errors.ts";
import type { TestOutcome } from "../core/evaluation/outcome.ts";
import { sliceTitle, type TestSlice } from "../core/evaluation/slice.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import { RunReader, type RunRow } from "../core/store/reader.ts";
import { type RunTestSet, readingOfRun } from "../core/store/record.ts";
import { readingOf } from "../core/tracin/questions.ts";
import type { CommonOptions } from "./context.ts";
import { type CommandContext, openWorkspace, printJson } from "./context.ts";
import { collectProfile, printProfile, profileJson } from "./profile.ts";
import { placeJson, placeText, printRun, printScored, rowJson, runJson } from "./run-output.ts";
import { paint, printable, significant, type Terminal, table } from "./terminal.ts";

/** The slice of a test set as the command line names it. */
export interface TestSetOptions extends CommonOptions {
  readonly set: string;
  readonly errors?: boolean;
  readonly class?: string;
  readonly predicted?: string;
  readonly where?: string;
  readonly top: number;
}

/** Labels whose confusion matrix fits a terminal. */
const mostColumns = 20;
/** Confusions and labels that are listed. */
const mostListed = 10;

/** `tracin explain --set test`: which training examples hurt and help a whole test set, or a slice of it? */
export async function explainTestSet(
  context: CommandContext,
  options: TestSetOptions,
): Promise<void> {
  const { opened, progress } = await openWorkspace(context, options);
  try {
    const { project } = opened;
    const slice = sliceOf(project, options);
    const record = await runTestSet(
      opened,
      { dataset: options.set, slice },
      {
        fingerprints: new Fingerprints(),
        started: context.started,
        onProgress: (step) => progress.update(step),
        signal: context.signal,
      },
    );
    progress.stop();
    const profile = await collectProfile(opened);
    const ranked = performance.now();
    const reader = await RunReader.open(project.root, record.id);
    try {
      const { table: tested, testSet } = await reader.tested();
      const ranking = testRanking(testSet, { slice });
      const texts = (start: number, end: number) =>
        searchTexts(datasetOf(project, options.set), start, end);
      const { rows } = await tested.page(ranking, 0, options.top, texts, context.signal);
      const opponents = await reader.top({ view: "opponents", query: 0 }, options.top);
      const proponents = await reader.top({ view: "proponents", query: 0 }, options.top);
      profile?.own.add("ranking", ranked);
      if (options.json) {
        printJson(context, {
          run: runJson(record),
          testSet: { ...testSetJson(testSet), worst: rows.map(testRowJson) },
          opponents: opponents.map(rowJson),
          proponents: proponents.map(rowJson),
          ...profileJson(context, profile),
        });
        return;
      }
      printTestSet(context, testSet);
      printTestRows(context, rows, testSet);
      const reading = readingOfRun(record);
      const these = testSet.chosen === 1 ? "this example" : `these ${testSet.chosen} examples`;
      const hurt = `Opponents (training examples that raise the mean loss of ${these})`;
      printScored(context.out, hurt, "red", opponents, reading);
      const help = `Proponents (training examples that lower the mean loss of ${these})`;
      printScored(context.out, help, "green", proponents, reading);
      printRun(context, record, project.root);
      printProfile(context, profile);
    } finally {
      reader.close();
    }
  } finally {
    progress.stop();
    await opened.close();
  }
}

function sliceOf(project: Project, options: TestSetOptions): TestSlice {
  const { errors, where, class: target, predicted } = options;
  const given = [errors === true, where !== undefined, (target ?? predicted) !== undefined];
  if (given.filter(Boolean).length > 1) {
    throw new TracInError(
      "config",
      "--errors, --where and --class (with --predicted) exclude each other.",
      {},
      "Write one condition, such as --where \"target = 'spam' and wrong = 1\".",
    );
  }
  if (errors === true) {
    return { kind: "errors" };
  }
  if (where !== undefined) {
    return { kind: "filter", text: where };
  }
  if (target === undefined && predicted === undefined) {
    return { kind: "all" };
  }
  const hasSeveral =
    project.loss.type === "sigmoid-cross-entropy" && readingOf(project) === "probabilities";
  if (!hasSeveral) {
    return { kind: "labels", target, predicted };
  }
  if (target !== undefined && predicted !== undefined && target !== predicted) {
    throw new TracInError(
      "config",
      "Examples with several labels have no prediction in place of a target.",
      {},
      "Name one label with --class (on in the target) or --predicted, or the same one with both.",
    );
  }
  return {
    kind: "label",
    label: target ?? predicted ?? "",
    target: target === undefined ? undefined : true,
    predicted: predicted === undefined ? undefined : true,
  };
}

/** How right the model is, and what was chosen. */
function printTestSet({ out }: Terminal, testSet: RunTestSet): void {
  const { dataset, file, examples, slice, chosen, losses, chosenLosses, outcome } = testSet;
  out.write(
    [
      "",
      paint(out, "bold", `${dataset}, ${printable(sliceTitle(slice))}`) +
        paint(out, "dim", `  ${file}, ${chosen} of ${examples} examples`),
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

function printTestRows({ out }: Terminal, rows: readonly RunRow[], { slice }: RunTestSet): void {
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
function testSetJson(testSet: RunTestSet): Record<string, unknown> {
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

function testRowJson(row: RunRow, position: number): unknown {
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
